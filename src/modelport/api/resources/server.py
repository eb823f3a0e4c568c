"""What the server answers about itself and its models, as DEEPaaS and the Open Inference Protocol have it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelport.api.resources.described import words


class Location(msgspec.Struct):
    rel: str
    href: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
    type: str | UnsetType = UNSET


class Version(msgspec.Struct):
    """A version of the API."""

    id: str
    version: str
    type: str | UnsetType = UNSET
    links: list[Location] | UnsetType = UNSET
    name: Annotated[str | UnsetType, words("Server name")] = UNSET
    extensions: Annotated[list[str] | UnsetType, words("Protocol extensions")] = UNSET


class Versions(msgspec.Struct):
    versions: list[Version]
    links: list[Location] | UnsetType = UNSET


class ModelMeta(msgspec.Struct):
    """A model as it describes itself; it may say more."""

    id: Annotated[str, words("Model identifier")]
    name: Annotated[str, words("Model name")]
    description: Annotated[str | UnsetType | None, words("Model description")] = UNSET
    license: Annotated[str | UnsetType | None, words("Model license")] = UNSET
    author: Annotated[Any, words("Model author")] = UNSET
    version: Annotated[str | UnsetType | None, words("Model version")] = UNSET
    url: Annotated[str | UnsetType | None, words("Model url")] = UNSET
    links: list[Location] | UnsetType = UNSET


class ModelList(msgspec.Struct):
    models: list[ModelMeta]


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
    """How a model is doing; the last three from when it has been ready once."""

    state: str
    error: str = ""
    seconds_to_ready: float | UnsetType = UNSET
    workers_ready: int | UnsetType = UNSET
    restarts: int | UnsetType = UNSET


class Ready(msgspec.Struct, omit_defaults=True):
    ready: bool
    models: Annotated[dict[str, ModelState], words("The state of each model")]
    draining: bool = False
