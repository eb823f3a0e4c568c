"""What the server answers about itself, as the Open Inference Protocol has it, and its errors."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from modelport.api.resources.described import words


class Failure(msgspec.Struct):
    """What went wrong (problem details, RFC 9457)."""

    title: Annotated[str, words("The kind of problem")]
    status: Annotated[int, words("The HTTP status")]
    type: Annotated[str | UnsetType, words("URI reference of the kind of problem")] = UNSET
    detail: Annotated[str | UnsetType, words("What happened this time")] = UNSET
    request_id: Annotated[str | UnsetType, words("The request, as the server's log names it")] = UNSET


class Live(msgspec.Struct):
    live: bool


class ModelReady(msgspec.Struct):
    name: str
    ready: bool


class ModelState(msgspec.Struct, omit_defaults=True):
    """How a model is doing; the last four from when it has been ready once."""

    state: str
    error: str = ""
    seconds_to_ready: float | UnsetType = UNSET
    workers_ready: int | UnsetType = UNSET
    restarts: int | UnsetType = UNSET
    reload_error: Annotated[str, words("Why its files, which have changed, cannot be loaded")] = ""
    memory_replacements: Annotated[int, words("Workers that were over memory_limit")] = 0
    since: Annotated[str, words("When it has come into this state, if it is not ready")] = ""
    waits_for: Annotated[str, words("What has to happen before it is ready")] = ""


class Ready(msgspec.Struct, omit_defaults=True):
    ready: bool
    models: Annotated[dict[str, ModelState], words("The state of each model that one may use")]
    others: Annotated[dict[str, int], words("How many other models are in which state")] = {}
    draining: bool = False
    reasons: Annotated[list[str], words("Why the server is not ready, for who may read")] = []
    engine: Annotated[str, words("Why no worker can be placed now, for who may read")] = ""
    database: Annotated[str, words("Why there are no jobs and runs, for who may read")] = ""
    disk: Annotated[str, words("What is wrong with the room on its disks, for who may read")] = ""
