"""What a report on a model says, as data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Verdict = Literal["ok", "watch", "drift", "unknown"]
Kind = Literal["number", "category", "text", "nothing"]
Share = Annotated[float, Meta(ge=0, le=1)]


class Times(msgspec.Struct):
    """From a time on, and until another one, which does not belong to it."""

    begin: datetime
    end: datetime


class Reference(msgspec.Struct):
    """What is compared with. `kind` is training where that of the version has recorded it, else window."""

    kind: Literal["training", "window", "none"]
    window: Times | None = None
    words: str = ""


class Feature(msgspec.Struct, kw_only=True):
    """A column of inputs or a part of answers, against the same of the reference.

    `rows` are those in which it could be, `missing` the share of them in which it is null or not there; with
    `reference_` before, those of the reference. `psi` is over tenths of the reference of numbers, and over
    the categories; `psi_by_chance` is what it stays below in 999 of 1000 cases if nothing has changed. `ks`
    is the distance of Kolmogorov and Smirnov, with its p-value. `out_of_range` is the share of values below
    the least or above the largest of the reference, `unseen` that of categories which are not in it, with
    the most frequent of them.
    """

    name: str
    kind: Kind
    rows: int
    missing: Share
    reference_rows: int = 0
    reference_missing: Share | None = None
    mean: float | None = None
    reference_mean: float | None = None
    least: float | None = None
    largest: float | None = None
    psi: float | None = None
    psi_by_chance: float | None = None
    ks: Share | None = None
    ks_p_value: Share | None = None
    chi_square: float | None = None
    chi_square_p_value: Share | None = None
    out_of_range: Share | None = None
    unseen: Share | None = None
    unseen_values: list[str] = []
    edges: list[float] = []
    categories: list[str] = []
    shares: list[Share] = []
    reference_shares: list[Share] = []
    verdict: Verdict = "unknown"
    words: str = ""


class Latency(msgspec.Struct):
    """Seconds from a call to its answer, that half of the calls stay below, nine of ten, and 99 of 100."""

    p50: float
    p90: float
    p99: float


class Score(msgspec.Struct, kw_only=True):
    """How right answers were, by feedback. Classes have accuracy and F1, numbers the mean errors."""

    count: int
    accuracy: Share | None = None
    f1: Annotated[Share | None, Meta(description="The mean of the F1 of each class")] = None
    mae: Annotated[float | None, Meta(description="Mean absolute error")] = None
    rmse: Annotated[float | None, Meta(description="Root of the mean squared error")] = None


class ScoreThen(Score, kw_only=True):
    """How right answers were in a part of the window."""

    window: Times


class Feedback(Score, kw_only=True):
    """How right answers were. `unmatched` truths could not be compared with their answers."""

    unmatched: int = 0
    over_time: list[ScoreThen] = []


class VersionReport(msgspec.Struct, kw_only=True):
    """What is known of one version; `version` is null where jobs were answered by one that is not known."""

    version: int | None
    calls: int
    errors: int
    error_rate: Share | None
    latency: Latency | None
    reference: Reference
    inputs: list[Feature]
    answers: list[Feature]
    feedback: Feedback | None
    verdict: Verdict
    words: str = ""


class ReadLog(msgspec.Struct, kw_only=True):
    """What the report was made of. Calls are those that are in the payload log: a `share` of all."""

    share: Share = 0.0
    read: int = 0
    not_read: int = 0
    torn: int = 0
    dropped: int = 0
    lost: int = 0
    words: str = ""


class Report(msgspec.Struct, kw_only=True):
    """How inputs and answers of a model are spread against a reference."""

    model: str
    window: Times
    made_at: datetime
    verdict: Verdict
    versions: list[VersionReport]
    log: ReadLog


WORST: tuple[Verdict, ...] = ("drift", "watch", "ok", "unknown")


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of several; unknown only if nothing is known."""
    known: list[Verdict] = [verdict for verdict in WORST if verdict in verdicts]
    return known[0] if known else "unknown"
