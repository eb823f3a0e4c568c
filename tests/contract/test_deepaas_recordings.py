"""Every exchange recorded from DEEPaaS 2.6, sent to ours, with models that behave as the recorded ones."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serving
from recordings import Recording, Replay, judge, recordings

MODELS = serving.MODELS / "recorded"
# Where somebody keeps the recordings as they were made, and the very models, beside the checkout.
REFERENCE = serving.ROOT.parent / "shared" / "reference"
ALL = recordings()
EXCHANGES = [
    pytest.param(name, number, id=f"{name}-{number}-{exchange['request']['method']}-{exchange['match']}")
    for name, recording in ALL.items()
    for number, exchange in enumerate(recording.exchanges)
]
needs_reference = pytest.mark.skipif(
    not REFERENCE.exists(), reason=f"the original recordings and models are not at {REFERENCE.name}/"
)


@contextlib.contextmanager
def replaying(recording: Recording, models: Path) -> Iterator[Replay]:
    """A server of ours with a recording's model and options."""
    path = os.pathsep.join([str(models), str(serving.ROOT / "src")])
    with serving.serving(recording.source, *recording.options, PYTHONPATH=path) as server:
        server.client.base_url = server.url.removesuffix("/base")
        yield Replay(server.client, recording.exchanges)


@pytest.fixture(scope="module")
def replay_of() -> Iterator[Callable[[str], Replay]]:
    """The replay of each recording, on a server that starts when it is first asked for."""
    running: dict[str, Replay] = {}
    with contextlib.ExitStack() as stack:

        def replay(name: str) -> Replay:
            if name not in running:
                running[name] = stack.enter_context(replaying(ALL[name], MODELS))
            return running[name]

        yield replay


@pytest.mark.parametrize(("name", "number"), EXCHANGES)
def test_the_exchange_replays(name: str, number: int, replay_of: Callable[[str], Replay]) -> None:
    judge(replay_of(name), number, ALL[name].exchanges[number])


@pytest.mark.slow
@needs_reference
@pytest.mark.parametrize("name", ALL)
def test_the_recorded_model_itself_replays(name: str) -> None:
    with replaying(ALL[name], REFERENCE / "deepaas_models") as replay:
        for number, exchange in enumerate(ALL[name].exchanges):
            judge(replay, number, exchange)


@needs_reference
def test_nothing_of_the_original_recordings_is_left_out() -> None:
    def key(source: str, options: Any, request: dict[str, Any]) -> str:
        asked = {**request, "files": [file[:3] for file in request.get("files", [])]}
        return json.dumps([source, options, asked], sort_keys=True)

    ours = [key(r.source, r.options, e["request"]) for r in ALL.values() for e in r.exchanges]
    servers = json.loads((REFERENCE / "deepaas_transcripts.json").read_text())["servers"]
    theirs = [key(s["source"], s["options"], e["request"]) for s in servers for e in s["exchanges"]]
    assert sorted(ours) == sorted(theirs)
    assert len(theirs) > 100
