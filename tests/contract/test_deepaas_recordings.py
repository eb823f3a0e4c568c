"""Every exchange recorded from DEEPaaS 2.6, replayed against ours with the same model files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from recordings import (
    MODELS,
    TRANSCRIPTS,
    Exchange,
    check_better,
    check_exact,
    exchanges,
    missing_parameters,
    send,
    shape,
)
from serving import ROOT, Server, serving

TRAININGS = "trainings run from the next release on"
ALL = exchanges()
# What starts a training, asks for one that was started, or is refused by the arguments of one.
LEFT_OUT = {
    f"{server} | {number} | {request}": TRAININGS
    for server, number, request in [
        ("upload:instance", 12, "POST /v2/models/upload/train/"),
        ("training", 1, "POST /v2/models/training/train/"),
        ("training", 2, "POST /v2/models/training/train/"),
        ("training", 3, "GET /v2/models/training/train/{uuid}"),
        ("training", 4, "GET /v2/models/training/train/"),
        ("training", 5, "GET /v2/models/training/train/{uuid}/"),
        ("training", 8, "POST /v2/models/training/train/"),
        ("training", 9, "GET /v2/models/training/train/{uuid}"),
        ("training", 10, "DELETE /v2/models/training/train/{uuid}"),
        ("training", 11, "GET /v2/models/training/train/{uuid}"),
        ("training", 12, "GET /v2/models/training/train/"),
        ("training", 13, "POST /v2/models/training/train/"),
        ("training", 14, "GET /v2/models/training/train/{uuid}"),
        ("training", 15, "POST /v2/models/training/train/"),
        ("training", 16, "GET /v2/models/training/train/{uuid}"),
        ("training", 17, "POST /v2/models/training/train/"),
        ("training_files", 1, "POST /v2/models/training_files/train/"),
        ("training_files", 2, "POST /v2/models/training_files/train/"),
        ("training_files", 3, "GET /v2/models/training_files/train/{uuid}"),
        ("training_files", 4, "GET /v2/models/training_files/train/"),
    ]
}
REPLAYED = [exchange for exchange in ALL if exchange.key not in LEFT_OUT]

pytestmark = pytest.mark.skipif(not TRANSCRIPTS.exists(), reason=f"there is no reference at {TRANSCRIPTS}")


@pytest.fixture(scope="module")
def server_of() -> Iterator[Callable[[Exchange], Server]]:
    """One server for each model and set of options, started when it is first asked for."""
    running: dict[tuple[str, ...], Server] = {}
    path = os.pathsep.join([str(MODELS), str(ROOT / "src")])
    with contextlib.ExitStack() as stack:

        def server(exchange: Exchange) -> Server:
            place = (exchange.source, *exchange.options)
            if place not in running:
                running[place] = stack.enter_context(serving(*place, PYTHONPATH=path))
                running[place].client.base_url = running[place].url.removesuffix("/base")
            return running[place]

        yield server


@pytest.mark.parametrize("exchange", REPLAYED, ids=lambda exchange: exchange.key)
def test_the_exchange_replays(exchange: Exchange, server_of: Callable[[Exchange], Server]) -> None:
    client = server_of(exchange).client
    recorded = exchange.recorded.get("response")
    answer = send(client, exchange.recorded["request"])
    if exchange.match == "exact":
        check_exact(answer, recorded)
    elif exchange.match == "better":
        check_better(client, answer, exchange)
    else:
        assert answer.status_code == recorded["status"], answer.text
        if exchange.match == "shape":
            assert shape(answer.json()) == shape(recorded["json"])


@pytest.mark.parametrize(
    "exchange",
    [e for e in REPLAYED if e.recorded["request"]["path"].endswith("/swagger.json")],
    ids=lambda exchange: exchange.key,
)
def test_swagger_has_every_recorded_parameter(
    exchange: Exchange, server_of: Callable[[Exchange], Server]
) -> None:
    ours = send(server_of(exchange).client, exchange.recorded["request"]).json()
    assert missing_parameters(ours, exchange.recorded["response"]["json"]) == []


def test_only_trainings_are_left_out() -> None:
    keys = {exchange.key for exchange in ALL}
    assert set(LEFT_OUT) <= keys
    assert len(keys) == len(ALL) == len(REPLAYED) + len(LEFT_OUT)
    assert all("/train/" in key for key in LEFT_OUT)
    assert {exchange.match for exchange in REPLAYED} <= {"exact", "shape", "status", "better"}
