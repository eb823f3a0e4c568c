"""What the resources of versions take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelport.api.resources.described import (
    Count,
    Cursor,
    Links,
    Named,
    NamedVersion,
    Performance,
    VersionNumber,
    words,
)
from modelport.api.resources.server import Failure
from modelport.dialects.oip.described import TensorMetadata
from modelport.jobs.views import Time
from modelport.settings.declaring import words_of
from modelport.settings.groups.runs import OnRegression

Kind = Literal["promotion", "rollback"]
Share = Annotated[float, Meta(gt=0, le=1)]
_AskedShare = Annotated[float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": 1})]
Seconds = Annotated[float | None, words("Median of a prediction")]


class ModelVersion(msgspec.Struct):
    """A version and the run that made it."""

    version: VersionNumber
    run_id: Annotated[str | None, words("The run that made it")]
    aliases: list[str]
    loaded: Annotated[bool, words("Whether it answers without being loaded, or when it is awake again")]
    created_at: Time
    performance: Performance
    links: Links


class OneVersion(ModelVersion):
    """A version, with what the Open Inference Protocol says of it."""

    name: Annotated[str, words("The model's")]
    versions: Annotated[list[str] | UnsetType, words("It alone")] = UNSET
    platform: str | UnsetType = UNSET
    inputs: list[TensorMetadata] | UnsetType = UNSET
    outputs: list[TensorMetadata] | UnsetType = UNSET


class ModelVersions(msgspec.Struct):
    versions: list[ModelVersion]
    next_cursor: Cursor


class Aliases(msgspec.Struct):
    aliases: Annotated[dict[str, Count], words("The version of each alias")]


class Alias(msgspec.Struct):
    alias: str
    version: VersionNumber


class AliasMove(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to move an alias; all but the version is for `live` only."""

    version: NamedVersion
    on_regression: Annotated[str | None, Meta(
        description="For `live`: what a regression leads to",
        extra_json_schema={"enum": [*words_of(OnRegression), None]},
    )] = None  # fmt: skip
    min_agreement: Annotated[float | None, Meta(
        description="For `live`: the share of answers that must be the same",
        extra_json_schema={"minimum": 0, "maximum": 1},
    )] = None  # fmt: skip
    max_latency_ratio: Annotated[float | None, Meta(
        description="For `live`: how many times as long it may take",
        extra_json_schema={"exclusiveMinimum": 0},
    )] = None  # fmt: skip


class Checks(msgspec.Struct):
    """How the version compared with the live one."""

    checked: Count
    not_checked: Count
    errors_before: Count
    errors_after: Count
    new_errors: Annotated[int, Meta(ge=0, description="Requests that only the version failed")]
    agreement: Annotated[float | None, words("Share of the same answers, of those that both answered")]
    seconds_before: Seconds
    seconds_after: Seconds
    first_error: str | UnsetType = UNSET


Checked = Annotated[Checks | None, words("Null if nothing was compared")]


class PromotionReport(msgspec.Struct):
    """What the checks found."""

    kind: Kind
    checks: Checked
    regressions: list[str]
    warnings: list[str]


class Promoted(msgspec.Struct):
    """What was done to make a version live; the last four if it was not live already."""

    model: str
    version: VersionNumber
    before: VersionNumber
    changed: Annotated[bool, words("False if it was live already")]
    kind: Kind | UnsetType = UNSET
    checks: Checked | UnsetType = UNSET
    regressions: list[str] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


ALIAS_MOVED = Named("AliasMoved", (Promoted, Alias))


class PromotionRefused(Failure):
    """Why a version did not become live."""

    report: PromotionReport | UnsetType = UNSET


class Promotion(msgspec.Struct):
    """A change of what is live."""

    kind: Kind
    before: VersionNumber
    after: VersionNumber
    at: Time
    checks: Checked
    regressions: list[str] | None
    warnings: list[str]


class Promotions(msgspec.Struct):
    promotions: list[Promotion]


class Compared(msgspec.Struct):
    """What came of the copies so far."""

    copied: Count
    agreed: Count
    differed: Count
    failed: Count
    dropped: Count


class Traffic(msgspec.Struct):
    """How calls are spread over versions."""

    live: VersionNumber
    weights: Annotated[dict[str, Share], words("The share of the calls, by version")]
    shadow: Annotated[int | None, words("The version that gets copies")]
    compared: Annotated[Compared | None, words("Null without a shadow")]


class TrafficPlan(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to spread calls over versions."""

    weights: Annotated[dict[str, _AskedShare], words(
        "The share of each version, by its number or an alias; at most 1"
    )] = {}  # fmt: skip
    shadow: Annotated[int | str | None, words("A version, by its number or an alias")] = None
