"""What the server says of runs, versions and promotions, as typed data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypeVar

from modelport.client.records import TIMES, moment

OnRegression = Literal["refuse", "warn"]


@dataclass(frozen=True)
class Run:
    """A training that has succeeded. `version` is `None` if it has saved no model.

    `seed`, `code_version` and `environment` are those of `Client.run`; lists leave them out.
    """

    run_id: str
    model: str = ""
    version: int | None = None
    aliases: list[str] = field(default_factory=list[str])
    source: str = ""
    name: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration: float | None = None
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    performance: dict[str, Any] = field(default_factory=dict[str, Any])
    seed: int | None = None
    code_version: str = ""
    environment: dict[str, Any] = field(default_factory=dict[str, Any])
    links: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Version:
    """A model that can predict. Version 0 is the model as its source has it, and no run's."""

    version: int
    run_id: str | None = None
    aliases: list[str] = field(default_factory=list[str])
    loaded: bool = False
    created_at: datetime | None = None
    performance: dict[str, Any] = field(default_factory=dict[str, Any])
    links: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Promotion:
    """A version that has become live. `checks` is `None` if nothing was compared.

    `changed` is false if the version was live already; `before` is the version that was.
    """

    model: str
    version: int
    before: int
    changed: bool
    kind: str = ""
    checks: dict[str, Any] | None = None
    regressions: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])


Record = TypeVar("Record", Run, Version, Promotion)


def run_of(body: dict[str, Any]) -> Run:
    """A run out of JSON."""
    return _read(Run, body)


def version_of(body: dict[str, Any]) -> Version:
    """A version out of JSON."""
    return _read(Version, body)


def promotion_of(body: dict[str, Any]) -> Promotion:
    """A promotion out of JSON."""
    return _read(Promotion, body)


def _read(record: type[Record], body: dict[str, Any]) -> Record:
    """A record out of JSON. What this client does not know is left out."""
    values: dict[str, Any] = {
        each.name: moment(body[each.name]) if each.name in TIMES else body[each.name]
        for each in fields(record)
        if each.name in body
    }
    return record(**values)
