"""A limit that is set to 0 is no limit, as the settings say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import Server, serving

SIZES = ("max-request-line", "max-header-bytes", "max-headers", "client-max-size", "json-max-size")
TIMES = ("header-timeout", "body-timeout", "write-timeout", "timeout", "load-timeout")
MODEL = "def predict(**arguments):\n    return 'fine'\n"
PATH = "/v2/models/fine/predict"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    source = tmp_path_factory.mktemp("model") / "fine.py"
    source.write_text(MODEL)
    with serving(str(source), *(part for name in SIZES + TIMES for part in (f"--{name}", "0"))) as server:
        yield server


def test_a_long_request_line_is_taken(server: Server) -> None:
    assert server.client.post(PATH, params={"text": "x" * 20_000}).status_code == 200


def test_large_headers_are_taken(server: Server) -> None:
    assert server.client.post(PATH, headers={"X-Large": "x" * 100_000}).status_code == 200


def test_many_headers_are_taken(server: Server) -> None:
    assert server.client.post(PATH, headers={f"X-{n}": "x" for n in range(150)}).status_code == 200


def test_a_large_json_body_is_taken(server: Server) -> None:
    assert server.client.post(PATH, json={"text": "x" * (11 << 20)}).status_code == 200
