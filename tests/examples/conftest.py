"""The examples, loaded once as `modelport serve` loads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelport.contract.served import ServedModel
from modelport.sources.load import load_model
from modelport.sources.source import parse_source

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def examples() -> Path:
    return EXAMPLES


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def digits(cache: Path) -> ServedModel:
    model = load_model(parse_source(str(EXAMPLES / "digits" / "digits.py")))
    model.warm()
    return model


@pytest.fixture(scope="session")
def iris() -> ServedModel:
    model = load_model(parse_source(str(EXAMPLES / "iris" / "iris.py")))
    model.warm()
    return model
