"""A model that says where it runs."""

from __future__ import annotations

import os
import time

from modelport import current_worker


def predict(text: str = "", seconds: float = 0.0) -> dict[str, str | int]:
    time.sleep(seconds)
    return {
        "text": text,
        "pid": os.getpid(),
        "actor": os.getppid(),
        "node": os.environ.get("RAY_RAYLET_PID", ""),
        "threads": current_worker().threads,
        "secret": os.environ.get("SHOWN", ""),
    }
