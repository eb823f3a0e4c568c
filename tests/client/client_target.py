"""What the tests of the client share: their models, and how a client is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

MODELS = Path(__file__).parent / "client_models.py"
HAND_MODELS = Path(__file__).parent / "hand_models.py"
FITTED_MODELS = Path(__file__).parent / "fitted_models.py"
MakeClient = Callable[..., Any]
