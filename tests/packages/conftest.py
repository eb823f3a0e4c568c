"""Packages from a registry are installed only where they are asked for, as `make test-packages` does."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = any("packages" in argument for argument in config.args)
    return True if collection_path.is_relative_to(HERE) and not asked else None
