"""What the resource of usage answers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelport.api.resources.described import Count, Cursor, PrincipalName, words


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
    prompt_tokens: Annotated[int, words("Tokens that models have read, as they have counted them")]
    completion_tokens: Annotated[int, words("Tokens that models have written, as they have counted them")]


class UsagePage(msgspec.Struct):
    usage: list[Usage]
    next_cursor: Cursor


class Limit(msgspec.Struct):
    """A limit of who asks, and what is left of it."""

    most: Count
    left: Count
    seconds: Annotated[int | None, words("In how many seconds so many may be used; null for at once")]
    renewed_in: Annotated[int | None, words("Seconds until all of it is there; null if nobody knows")]


class OwnLimits(msgspec.Struct):
    """What limits who asks; null for what does not."""

    rate: Annotated[Limit | None, words("Requests, whatever they ask; this one is counted")]
    calls_at_once: Annotated[Limit | None, words("Calls of models that are under way, at this server")]
    queued_jobs: Annotated[Limit | None, words("Jobs that wait to be run")]
    bytes_per_day: Annotated[Limit | None, words("Bytes of bodies, sent and answered, of a day (UTC)")]
    rate_per_address: Annotated[Limit | None, words("Requests from their address, at this server")]
