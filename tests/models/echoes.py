"""Small typed models for tests of the way a prediction takes through the server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import modelport


class Echo(modelport.Model):
    """Gives back its number; waits or writes much if asked to."""

    def predict(
        self, number: int = 0, wait: float = 0.0, characters: int = 0, started: str = ""
    ) -> dict[str, Any]:
        if started:
            Path(started).touch()
        time.sleep(wait)
        return {"number": number, "text": "x" * characters}
