"""Trainings, promotions and ways back, by clients that are killed nothing of but their servers."""

from __future__ import annotations

import itertools
import random

import httpx
from history import Record
from history_clients import Clients

MODEL = "/v2/models/n"
PROMOTION_SECONDS = 60.0  # to load a version while everything starts again takes a while


class Acts:
    """What the clients of a history do in a soak besides. Each is an `Act` of `history_clients`."""

    def __init__(self, clients: Clients):
        self.clients = clients
        self.site = clients.site
        self._factors = itertools.count(2)  # each training its own, so that an answer names the training

    def train(self, name: str, client: httpx.Client, dice: random.Random) -> None:
        """Ask for a training, now and then twice with the same key, and cancel a few."""
        if self.clients.stop.wait(dice.uniform(1.0, 2.0)):
            return
        factor = next(self._factors)
        body = {"side": str(self.site.side), "factor": factor, "seconds": dice.choice([0.0, 0.5, 2.0])}
        key = f"training-{factor}"
        for _ in range(dice.choice([1, 1, 2])):
            with self.site.recorder.operation(name, "submit", key, principal="", factor=factor) as record:
                answer = client.post(f"{MODEL}/train/", json=body, headers={"Idempotency-Key": key})
                if answer.status_code == 200:
                    record.type, record.value["job"] = "ok", answer.json()["uuid"]
                    self.clients.known.append(record.value["job"])
                else:
                    assert answer.status_code in (503, 507), answer.text
        if record.ok and dice.random() < 0.1:
            job = record.value["job"]
            with self.site.recorder.operation(name, "cancel", job) as record:
                answer = client.delete(f"/v2/jobs/{job}")
                if answer.status_code < 300:
                    record.type, record.value = "ok", {"state": answer.json()["state"]}

    def promote(self, name: str, client: httpx.Client, dice: random.Random) -> None:
        """Make one of the newest versions live, or go back."""
        if self.clients.stop.wait(dice.uniform(1.0, 3.0)):
            return
        if dice.random() < 0.2:
            with self.site.recorder.operation(name, "promote") as record:
                self._note(record, client.post(f"{MODEL}/rollback", timeout=PROMOTION_SECONDS))
            return
        found = client.get(f"{MODEL}/versions", params={"limit": 5})
        if found.status_code == 200 and found.json()["versions"]:
            version = dice.choice(found.json()["versions"])["version"]
            wish = {"version": version, "on_regression": "warn"}
            with self.site.recorder.operation(name, "promote", str(version)) as record:
                answer = client.put(f"{MODEL}/aliases/live", json=wish, timeout=PROMOTION_SECONDS)
                self._note(record, answer)

    def _note(self, record: Record, answer: httpx.Response) -> None:
        said = answer.json()
        if answer.status_code == 200:
            record.type = "ok"
            record.value |= {name: said[name] for name in ("version", "before", "changed")}
        elif answer.status_code in (404, 409):
            record.type, record.value["text"] = "fail", answer.text
        else:
            assert answer.status_code == 503, answer.text
            record.value["text"] = answer.text
