"""A model that says where it runs, for tests of workers and jobs on the nodes of a cluster."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import modelport


def where() -> dict[str, Any]:
    """What this process knows of its place."""
    return {
        "pid": os.getpid(),
        "actor": os.getppid(),
        "node": os.environ.get("RAY_RAYLET_PID", ""),
        "threads": modelport.current_worker().threads,
        "secret": os.environ.get("SHOWN", ""),
    }


class OnNodes(modelport.Model):
    """Its trainings go on from their checkpoints."""

    resumable = True

    def predict(
        self, text: str = "", seconds: float = 0.0, polite: bool = False, do: str = ""
    ) -> dict[str, Any]:
        job = modelport.current_job()
        if job.id:
            print(text, end="")  # half a line is one of this job's, too
        asked = job.cancelled
        time.sleep(seconds)
        while polite and not job.cancelled:
            time.sleep(0.01)
        return {"text": text, "asked": asked, **where()}

    def train(self, gate: int = 0, steps: int = 2) -> dict[str, Any]:
        """Between two steps it says that to who listens on the port `gate`, and goes on when it answers."""
        job = modelport.current_job()
        place = job.checkpoint_dir / "next"
        first = int(place.read_text()) if place.exists() else 0
        for step in range(first, steps):
            if step:
                with socket.create_connection(("127.0.0.1", gate)) as waiting:
                    waiting.sendall(f"{os.getpid()} {job.attempt} {where()['node']}\n".encode())
                    waiting.recv(1)
            print(f"step {step} of attempt {job.attempt}")
            job.progress(step + 1, steps)
            place.write_text(str(step + 1))
        made = job.checkpoint_dir / "made"
        made.write_text(f"by {steps} steps")
        job.artifact(made)
        return {"first": first, **where()}
