"""Where the tests' own modules are found."""

from __future__ import annotations

import compileall
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from job_calls import Gate
from lanes import Scheduling, arrange, is_of_other_lane

COMPILED = (Path(__file__).parent.parent / "src", Path(__file__).parent / "models")

# A slow machine is no failure: nothing here asserts a timing.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Where jobs wait until the test releases them."""
    with Gate() as opened:
        yield opened


def pytest_configure(config: pytest.Config) -> None:
    """Compile modelport and the models once: where Python keeps no bytecode, each start would."""
    if not hasattr(config, "workerinput"):
        for folder in COMPILED:
            compileall.compile_dir(folder, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect garbage only of what comes later: next to nothing that is imported and collected is any."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    is_tests = collection_path.suffix == ".py" or collection_path.is_dir()
    return True if is_tests and is_of_other_lane(collection_path, config.option.markexpr) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    arrange(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)
