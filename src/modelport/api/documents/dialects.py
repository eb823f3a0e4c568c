"""What a dialect adds to the API documents: groups, schemas, and the answers where it speaks at the root.

The module `document` of a dialect has it as `DOCUMENT`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from modelport.api.documents.resource import Resource
from modelport.api.documents.schemas import Schema
from modelport.dialects import NAMES, part


def _as_they_are(resources: Iterable[Resource], base: str) -> list[Resource]:
    return list(resources)


def _none(resources: Sequence[Resource]) -> dict[str, Schema]:
    return {}


class RootDocument(NamedTuple):
    """The model at the root where a dialect speaks there.

    `tag` is the group of its operations; `answer`, `begun` and `error` are the types of a prediction, of one
    that is fetched later, and of an error. `statuses` are errors of predictions in words of its own. `around`
    puts what is around each answer there, and `schemas` has the named schemas that this needs.
    """

    tag: str
    answer: Any
    begun: Any
    error: Any
    statuses: Mapping[int, str]
    around: Callable[[Iterable[Resource], str], list[Resource]] = _as_they_are
    schemas: Callable[[Sequence[Resource]], dict[str, Schema]] = _none


class CallsDocument(NamedTuple):
    """The calls of each model below its own path.

    `wrapped` is the schema of an answer that says nothing of what is around it; `schemas` has the named
    schemas of every document, given whether predictions are sent as one string.
    """

    wrapped: Callable[[Schema], Schema]
    schemas: Callable[[bool], dict[str, Schema]]


class DialectDocument(NamedTuple):
    """The groups of a dialect with words about each, and types that stand in no row but in every document.

    `root` says how it speaks at the root, if it may do so; `calls` how models are called by their names, of
    the one dialect that has that.
    """

    tags: Mapping[str, str] = MappingProxyType({})
    types: tuple[Any, ...] = ()
    root: RootDocument | None = None
    calls: CallsDocument | None = None


@cache
def documents() -> dict[str, DialectDocument]:
    """What the dialects add, by their names."""
    found = {name: part(name, "document") for name in NAMES}
    return {name: cast("DialectDocument", one.DOCUMENT) for name, one in found.items() if one is not None}


def calls_document() -> CallsDocument:
    """How models are called by their names."""
    return next(one.calls for one in documents().values() if one.calls is not None)
