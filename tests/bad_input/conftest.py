"""One server for each file of bad input, and the oracle after each of its tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bad_target import Target, target


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "log_lines(n): how many lines a case may log, 2 otherwise")


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server with the models that the file names in `SERVED`, started with its `OPTIONS`."""
    served = getattr(request.module, "SERVED", ("values",))
    options = getattr(request.module, "OPTIONS", ())
    with target(tmp_path_factory.mktemp("spool"), served, *options) as running:
        yield running


@pytest.fixture(autouse=True)
def _undisturbed(request: pytest.FixtureRequest) -> Iterator[None]:
    if "site" not in request.fixturenames:
        yield
        return
    site: Target = request.getfixturevalue("site")
    start = site.log_position()
    yield
    marker = request.node.get_closest_marker("log_lines")
    site.assert_undisturbed(start, marker.args[0] if marker else 2)
