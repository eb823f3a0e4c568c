"""A server of models that stream both ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import Server, serving

NAMES = ("Chat", "Echo", "Moody", "Silent")


@pytest.fixture(scope="session")
def streams() -> Iterator[Server]:
    models = [f"{name.lower()}=streaming_both_ways:{name}" for name in NAMES]
    models.append("kept=streaming_both_ways:Echo")  # whose one client stays
    with serving(*models, "--drain-timeout", "2") as server:
        yield server
