"""A model that is one function."""

from __future__ import annotations

from typing import Any


def predict(**_: Any) -> dict[str, bool]:
    return {"minimal": True}
