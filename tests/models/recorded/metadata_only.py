"""A model that says who it is, with keys that DEEPaaS does not know, and does nothing."""

from __future__ import annotations

from typing import Any

ABOUT: dict[str, Any] = {
    "id": "42",
    "name": "Only metadata",
    "description": "Predicts nothing",
    "license": None,
    "author": "B. Author",
    "version": "2.0.1",
    "url": "https://example.org",
    "tags": ["extra", "keys"],
}


def get_metadata() -> dict[str, Any]:
    return ABOUT
