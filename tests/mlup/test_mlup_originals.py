"""The recordings of mlup as they were made, with the very models, where somebody keeps them."""

from __future__ import annotations

import json

import pytest
import serving
from mlup_site import mlup_serving
from replays import Replay

REFERENCE = serving.ROOT.parent / "shared" / "reference"
FILE = REFERENCE / "mlup_transcripts.json"
SERVERS = json.loads(FILE.read_text(encoding="utf-8"))["servers"] if FILE.exists() else []
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SERVERS, reason=f"the original recordings are not at {REFERENCE.name}/"),
]


@pytest.mark.parametrize("number", range(len(SERVERS)))
def test_the_recorded_server_replays(number: int) -> None:
    recorded = SERVERS[number]
    model = REFERENCE / "mlup_models" / f"{recorded['model']}.py"
    with mlup_serving(model, recorded["config"]) as server:
        replay = Replay(server.client)
        for exchange in recorded["exchanges"]:
            if "no_answer" in exchange["response"] and exchange["request"]["method"] == "GET":
                # It was recorded when the result had gone (it is kept from its end on).
                exchange["request"]["wait"] = (
                    recorded["config"]["ttl_predicted_data"] + 2.0
                )  # it is kept from its end on
            replay.judge(exchange)
