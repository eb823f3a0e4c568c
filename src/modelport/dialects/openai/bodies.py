"""What OpenAI's API says over HTTP, as types for the API documents. A model may take more parameters."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.api.resources.described import words

Model = Annotated[str, words("The name of a model, or `name@version` for one version of it")]
Tokens = Annotated[dict[str, int] | None, words("As the model has counted them; null if it has not")]


class Streaming(msgspec.Struct, omit_defaults=True):
    """How a stream comes."""

    include_usage: Annotated[bool, words("Let it end with the tokens, if the model counts them")] = False


class ChatRequest(msgspec.Struct, omit_defaults=True):
    """What is said to a model that chats."""

    model: Model
    messages: Annotated[list[dict[str, Any]], words("What was said so far")]
    stream: bool = False
    stream_options: Streaming | None = None


class CompletionRequest(msgspec.Struct, omit_defaults=True):
    """What a model is to go on with."""

    model: Model
    prompt: Annotated[Any, words("One text, or a list of one")]
    stream: bool = False
    stream_options: Streaming | None = None


class EmbeddingRequest(msgspec.Struct, omit_defaults=True):
    """What is to be embedded."""

    model: Model
    input: Annotated[Any, words("A text, or a list of texts")]
    encoding_format: Annotated[str, words("`float`, or `base64` of the numbers as float32")] = "float"
    dimensions: int | None = None


class ResponseRequest(msgspec.Struct, omit_defaults=True):
    """What is said to a model that chats."""

    model: Model
    input: Annotated[Any, words("A text, or a list of items: messages, calls of functions and their outputs")]
    instructions: str | None = None


class Response(msgspec.Struct):
    """What a model has written."""

    id: str
    object: str
    created_at: int
    model: str
    status: str
    output: list[dict[str, Any]]
    usage: Tokens


class Written(msgspec.Struct):
    """What a model has written."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: Tokens


class Embeddings(msgspec.Struct):
    """A vector for each text."""

    object: str
    data: list[dict[str, Any]]
    model: str
    usage: Tokens


class OpenAiError(msgspec.Struct):
    """What was wrong."""

    error: dict[str, Any]


class VersionStatus(msgspec.Struct):
    """Whether a version answers, for clients of TensorFlow Serving."""

    version: str
    state: str
    status: dict[str, str]


class ListedModel(msgspec.Struct):
    """A model that chats, completes or embeds."""

    id: str
    created: int
    object: str = "model"
    owned_by: str = "modelport"


class ListedModels(msgspec.Struct):
    """The models that one may ask: those of text for OpenAI's clients, all by their names for KServe's."""

    data: list[ListedModel]
    models: list[str]
    object: str = "list"


class OneModel(msgspec.Struct):
    """A model for clients of OpenAI, and whether it can answer for those of KServe and TensorFlow Serving."""

    id: str
    created: int
    name: str
    ready: bool
    model_version_status: list[VersionStatus]
    object: str = "model"
    owned_by: str = "modelport"
