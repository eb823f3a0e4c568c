"""One server for a test, or one for a file whose models do not get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_site import Site, harmed


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the models that the file names in `SERVED`, started with its `OPTIONS`."""
    options = getattr(request.module, "OPTIONS", ())
    with harmed(tmp_path_factory.mktemp("spool"), *options, models=request.module.SERVED) as running:
        yield running


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "site" in request.fixturenames:
        request.getfixturevalue("site").assert_whole()
