"""What the pools of all versions of one model have in common."""

from __future__ import annotations

from modelport.engine.model_log import ModelLog
from modelport.engine.tally import Tally
from modelport.engine.worker_place import Places
from modelport.worker.body_slots import BodySlots


class Shared:
    """Where its workers run; what was counted of it, and what it printed, which no version begins anew."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.body_slots = BodySlots()
        self.tally = Tally()
        self.model_log = ModelLog()
