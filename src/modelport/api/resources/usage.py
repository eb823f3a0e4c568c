"""What the resource of usage answers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelport.api.resources.described import Cursor, PrincipalName, words


class Usage(msgspec.Struct):
    """What one who asks has used of one model on one day."""

    day: Annotated[str, words("YYYY-MM-DD (UTC)")]
    principal: Annotated[str, words("Who has asked; empty for who was let in nowhere")]
    name: PrincipalName
    model: Annotated[str, words("Empty for requests that asked no model")]
    requests: int
    calls: Annotated[int, words("Requests that a model has answered at once")]
    errors: Annotated[int, words("Requests that were answered 400 or more")]
    jobs: Annotated[int, words("Jobs that were begun")]
    bytes_in: Annotated[int, words("Bytes of the bodies that were sent")]
    bytes_out: Annotated[int, words("Bytes of the bodies that were answered")]
    model_seconds: Annotated[float, words("Time in workers, of calls")]


class UsagePage(msgspec.Struct):
    usage: list[Usage]
    next_cursor: Cursor
