"""What the pools of all versions of one model have in common."""

from __future__ import annotations

from modelport.engine.model_log import ModelLog
from modelport.engine.tally import Tally


class Shared:
    """What was counted of a model, and what it printed: neither begins anew with another version."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.model_log = ModelLog()
