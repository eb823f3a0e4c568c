"""A server whose jobs the command line looks at, and the folder in which they lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import MODELS, Server, serving

TRAINABLE = f"t={MODELS / 'trainable.py'}:Trainable"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[Server]:
    options = ["--cancel-grace", "120", "--job-workers", "2"]  # a quarter is for code that looks at the flag
    with serving(TRAINABLE, *options, MODELPORT_DATA_DIR=str(data_dir)) as server:
        yield server
