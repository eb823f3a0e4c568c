"""A model as data: what it takes and gives."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.api.resources.described import words

Schema = dict[str, Any]


class ModelArgument(msgspec.Struct, rename={"schema_": "schema"}):
    """One argument of a verb."""

    name: str
    schema_: Annotated[Schema, words("JSON Schema (2020-12) of its value")]
    required: bool
    kind: Annotated[str, words("value, file, files, or accept for what the Accept header says")]
    location: Annotated[str, words("Where it may stand: any, query, form, json, headers, cookies, files")]
    delimiter: Annotated[str | None, words("What parts a list that is written as one text")]


class ModelGroup(msgspec.Struct):
    """Arguments that stand together in a form."""

    title: str
    arguments: list[str]
    closed: Annotated[bool, words("Whether it is closed until somebody opens it")]


class ModelLayout(msgspec.Struct):
    """How the model wants its form."""

    order: Annotated[list[str], words("Arguments that come first")]
    groups: list[ModelGroup]
    labels: Annotated[dict[str, str], words("What arguments are called in the form")]
    hidden: Annotated[list[str], words("Arguments that the form does not ask for")]
    first_output: Annotated[str, words("The part of the answer that is shown first; empty for none")]


class ModelExample(msgspec.Struct):
    """Arguments that are worth trying. Files are data: URIs."""

    title: str
    arguments: dict[str, Any]


class ModelVerb(msgspec.Struct):
    """What predict, train or validate takes and answers."""

    arguments: list[ModelArgument]
    answer: Annotated[Schema | None, words("JSON Schema of the answer, if the model says it")]
    wrapped: Annotated[bool, words("Whether the answer stands under predictions")]
    media_types: Annotated[list[str], words("What can be answered, the default first")]
    streams: bool
    takes_base64: Annotated[bool, words("Whether files may stand in JSON")]
    takes_urls: Annotated[bool, words("Whether the server fetches a file that is given as its URL")]
    layout: Annotated[ModelLayout | None, words("How the model wants its form, if it says so")]
    examples: list[ModelExample]


class ModelMessages(msgspec.Struct, rename={"schema_": "schema"}):
    """What the messages of a stream may be, one way."""

    binary: Annotated[bool, words("Whether they may be bytes")]
    text: Annotated[bool, words("Whether they may be text as it is")]
    schema_: Annotated[Schema | None, words("JSON Schema of what is JSON, as text; null if none is")]


class ModelStream(msgspec.Struct):
    """How a model streams both ways, by a WebSocket."""

    arguments: Annotated[list[ModelArgument], words("What the query string may hold")]
    takes: ModelMessages
    gives: ModelMessages


class ModelSignature(msgspec.Struct):
    """A model as data: every form, document and client is made from it."""

    name: str
    contract: Annotated[str, words("deepaas, typed, object or array")]
    metadata: dict[str, Any]
    verbs: Annotated[dict[str, ModelVerb], words("The verbs that it has")]
    stream: Annotated[ModelStream | None, words("How it streams both ways, if it does")]
    definitions: Annotated[Schema, words("What #/$defs/… in the schemas point at")]
    resumable: Annotated[bool, words("Whether an interrupted training may be run again")]
    has_jobs: Annotated[bool, words("Whether calls may be jobs: not on a server without a database")]
