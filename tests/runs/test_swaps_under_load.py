"""A version becomes live while clients predict: none of them notices more than another answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import job_calls
import pytest
from serving import MODELS, Server, serving
from steady_clients import Seen, steady_clients

pytestmark = pytest.mark.slow
FACTORS = {0: 1.0, 1: 2.0, 2: 3.0}
ALIAS = "/v2/models/versioned/aliases/live"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(str(MODELS / "versioned.py")) as server:
        for version in (1, 2):
            answer = server.client.post(
                "/v2/models/versioned/train/", json={"factor": FACTORS[version], "load_seconds": 0.3}
            )
            job_calls.ended(server.client, answer.json()["uuid"])
        yield server


def test_no_request_fails_and_each_is_answered_by_a_version_that_was_live(server: Server) -> None:
    moves: list[tuple[float, float, int]] = []
    with steady_clients(server.url, "/v2/models/versioned/predict/", {"x": 1.0}) as clients:
        clients.wait_for_more(50)
        for version in (1, 2, 0, 2, 1):
            began = time.monotonic()
            answer = server.client.put(ALIAS, json={"version": version})
            assert answer.status_code == 200, answer.text
            moves.append((began, time.monotonic(), version))
            clients.wait_for_more(50)
    assert clients.failed == []
    assert [seen for seen in clients.answers if not _was_live(seen, moves)] == []


def test_slow_requests_of_the_old_version_are_answered_by_it(server: Server) -> None:
    server.client.put(ALIAS, json={"version": 0})
    with steady_clients(
        server.url, "/v2/models/versioned/predict/", {"x": 1.0, "delay": 0.3}, clients=2
    ) as clients:
        clients.wait_for_more(2)
        answer = server.client.put(ALIAS, json={"version": 1, "on_regression": "warn"})
        assert answer.json()["changed"] is True
        clients.wait_for_more(4)
    assert clients.failed == []
    assert {seen.body["factor"] for seen in clients.answers} == {FACTORS[0], FACTORS[1]}


def _was_live(seen: Seen, moves: list[tuple[float, float, int]]) -> bool:
    """True if the version that answered was live at some time between the question and the answer."""
    version = next(v for v, factor in FACTORS.items() if factor == seen.body["factor"])
    since, until = (0.0, moves[0][1]) if version == 0 else (float("inf"), 0.0)
    spans = [(since, until)]
    for number, (began, _, moved_to) in enumerate(moves):
        if moved_to == version:
            end = moves[number + 1][1] if number + 1 < len(moves) else float("inf")
            spans.append((began, end))
    return any(seen.came >= began and seen.asked <= end for began, end in spans)
