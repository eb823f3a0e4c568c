"""Jobs at once: of all models together, and of one that has a number of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx
from serving import serving, wait_until

WAITS = """
import time

import modelport

class Waits(modelport.Model):
    def predict(self) -> int:
        return 0

    def train(self) -> None:
        while not modelport.current_job().cancelled:
            time.sleep(0.01)
"""


def test_a_model_with_job_workers_of_its_own_has_them_for_itself(tmp_path: Path) -> None:
    source = tmp_path / "waits.py"
    source.write_text(WAITS)
    own = ["--model", "own:job_workers=2"]
    with serving(f"own={source}:Waits", f"a={source}:Waits", f"b={source}:Waits", *own) as server:
        ids = [trained(server.client, model) for model in ("a", "b", "own", "own", "own", "a")]

        def states() -> Counter[tuple[str, str]]:
            jobs = server.client.get("/v2/jobs").json()["jobs"]
            return Counter((job["model"], job["state"]) for job in jobs)

        expected = Counter(
            {
                ("own", "running"): 2,
                ("own", "queued"): 1,
                ("a", "running"): 1,
                ("a", "queued"): 1,
                ("b", "queued"): 1,
            }
        )
        wait_until(lambda: states() == expected, lambda: f"{states()}\n{server.log}")
        for ended in (ids[0], ids[2]):
            server.client.delete(f"/v2/jobs/{ended}")
        wait_until(lambda: states()["b", "running"] == 1, lambda: f"{states()}\n{server.log}")
        wait_until(lambda: states()["own", "running"] == 2, lambda: f"{states()}\n{server.log}")
        assert states()["a", "queued"] == 1


def trained(client: httpx.Client, model: str) -> str:
    """The id of a job that waits."""
    return client.post(f"/v2/models/{model}/train", json={}).json()["uuid"]
