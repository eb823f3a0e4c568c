"""What the Open Inference Protocol says over HTTP, as types for the API documents."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.settings import Settings

HEADER_LENGTH = "inference-header-content-length"  # the length of the JSON, where tensors follow it as bytes
EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "generate",
    "logging",
    "model_configuration",
    "model_repository",
    "statistics",
    "trace",
)


def extensions_of(settings: Settings) -> list[str]:
    """Those of a server with these settings."""
    return [*EXTENSIONS, "system_shared_memory"] if settings.allow_client_shm else list(EXTENSIONS)


def json_of(body: bytes | memoryview, end: int | None) -> bytes:
    """The JSON of a body, which ends there, or with it. What is whole is not copied, unless it is a view."""
    is_whole = end is None or end >= len(body)
    return body if is_whole and not isinstance(body, memoryview) else bytes(memoryview(body)[:end])


def words(text: str) -> msgspec.Meta:
    """A description in the schema."""
    return msgspec.Meta(description=text)


class InferInput(msgspec.Struct, omit_defaults=True):
    """A tensor that is sent."""

    name: str
    shape: list[int]
    datatype: str
    data: Annotated[Any, words("The elements, flat or nested, in the order of rows")] = None
    parameters: Annotated[
        dict[str, Any], words("`binary_data_size`, where they are bytes behind the JSON")
    ] = {}


class AskedOutput(msgspec.Struct, omit_defaults=True):
    """An output that is asked for."""

    name: str
    parameters: Annotated[dict[str, Any], words("`binary_data`, `classification`")] = {}


class InferRequest(msgspec.Struct, omit_defaults=True):
    """A request for an inference. What is an argument of the model may also be among the `parameters`."""

    inputs: list[InferInput]
    id: str = ""
    outputs: list[AskedOutput] = []
    parameters: Annotated[dict[str, Any], words("`binary_data_output`, and arguments of the model")] = {}


class InferOutput(msgspec.Struct, omit_defaults=True):
    """A tensor of an answer."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = []
    parameters: dict[str, Any] = {}


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The answer to an inference."""

    model_name: str
    outputs: list[InferOutput]
    model_version: str = ""
    id: str = ""


class InferError(msgspec.Struct):
    """What was wrong."""

    error: str
