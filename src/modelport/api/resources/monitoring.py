"""What the resources of feedback, and of the payload log, take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelport.api.resources.described import Count, words

MOST_TRUTHS = 500
RequestId = Annotated[str, Meta(min_length=1, max_length=200, description="X-Request-ID, or the id of a job")]
TruthOf = Annotated[Any, words("What the answer should have been: a value, or as the answer is formed")]


class GivenTruth(msgspec.Struct, forbid_unknown_fields=True):
    """What the answer to a prediction should have been."""

    request_id: RequestId
    truth: TruthOf


class GivenFeedback(msgspec.Struct, forbid_unknown_fields=True):
    """What answers should have been: of one prediction, or of several as `feedback`."""

    request_id: RequestId | UnsetType = UNSET
    truth: TruthOf | UnsetType = UNSET
    feedback: Annotated[list[GivenTruth], Meta(max_length=MOST_TRUTHS)] | UnsetType = UNSET


Refusal = Literal["unknown", "not yours", "too large", "too many", "unlike the answer"]


class RefusedTruth(msgspec.Struct):
    """What was not kept, and why."""

    request_id: str
    reason: Refusal
    words: str


class KeptFeedback(msgspec.Struct):
    """How many truths are kept now, and how many were so before."""

    kept: Count
    known: Annotated[Count, words("Of predictions of which the same was given before")]
    waiting: Annotated[
        Count,
        words(
            "Of predictions that another server has, or none: till a report is asked of the one that has them"
        ),
    ]
    refused: Annotated[list[RefusedTruth], words("Unknown: it is not in the payload log, or not any more")]


class PrunedPayloads(msgspec.Struct):
    """What was removed."""

    files: Count
    bytes: Count
