"""Servers of raw ASGI, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from certificates import Authority
from http_site import GOOD, Site, read_one, secure_site, serve

from modelport.http.limits import HttpLimits


@pytest.fixture(scope="module", params=["uvloop", "asyncio", "tls"])
def shared(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param != "tls":
        with serve(HttpLimits(), request.param) as site:
            yield site
    else:
        with secure_site(request.getfixturevalue("authority"), HttpLimits()) as site:
            yield site


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def fast() -> Iterator[Site]:
    """For what no event loop can change, so once is enough."""
    with serve(HttpLimits()) as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield from checked(shared)


@pytest.fixture
def fast_site(fast: Site) -> Iterator[Site]:
    yield from checked(fast)


def checked(shared: Site) -> Iterator[Site]:
    """A shared server; after each case it still answers a good request."""
    shared.app.seen.clear()
    shared.app.bodies.clear()
    shared.app.scopes.clear()
    yield shared
    with shared.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock) == (200, b"/good ")


@pytest.fixture(scope="module", params=["uvloop", "asyncio", "tls"])
def hasty(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server with short deadlines, and long enough for clients that are in a hurry on a busy machine."""
    limits = HttpLimits(header_deadline_s=1, body_idle_s=0.3, write_idle_s=0.3, keep_alive_s=2)
    if request.param != "tls":
        with serve(limits, request.param) as site:
            yield site
    else:
        with secure_site(request.getfixturevalue("authority"), limits) as site:
            yield site
