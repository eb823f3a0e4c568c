"""A server with two models, of which `m` has three runs: two that saved a model, and one that did not.

version  factor  f1
1        2       0.5
2        3       0.9  the best
-        4       0.1  its parameter `save` would play tricks on a terminal
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import job_calls
from serving import Server, serving

TRICKY = "\x1b[31m[bold]none"


class Site(NamedTuple):
    """The server, and the ids of its runs in the order of the trainings."""

    server: Server
    runs: list[str]

    @property
    def url(self) -> str:
        return self.server.url

    def make_live(self, version: int) -> None:
        """Make a version live, whatever the checks find."""
        wish = {"version": version, "on_regression": "warn"}
        answer = self.server.client.put("/v2/models/m/aliases/live", json=wish)
        assert answer.status_code == 200, answer.text

    def live(self) -> int:
        return self.server.client.get("/v2/models/m/aliases/live").json()["version"]

    def predict(self) -> None:
        """Have the live version answer, so that there is a request to compare others by."""
        assert self.server.client.post("/v2/models/m/predict/", json={"x": 1.0}).status_code == 200


@contextlib.contextmanager
def trained() -> Iterator[Site]:
    """Serve the models, and train."""
    with serving("m=versioned:Scaler", "n=versioned:Scaler", "--best-by", "f1") as server:
        yield Site(
            server,
            [
                _train(server, factor=2, f1=0.5),
                _train(server, factor=3, f1=0.9, seed=8),
                _train(server, factor=4, f1=0.1, save=TRICKY),
            ],
        )


def _train(server: Server, **arguments: object) -> str:
    run_id = server.client.post("/v2/models/m/train/", json=arguments).json()["uuid"]
    job = job_calls.ended(server.client, run_id, 60.0)
    assert job["state"] == "succeeded", job
    return run_id
