"""What a model asks for and gives, as data.

A worker makes one `Signature` of the model it loaded and sends it to the server. Every API, both
API documents, the command line and the checks read this description and nothing else.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, get_args

import msgspec

from modelport.contract.layout import Example, Layout

JSON = "application/json"
STREAM_TYPES = ("text/event-stream", "application/x-ndjson")

VerbName = Literal["predict", "train", "validate"]
VERBS: tuple[VerbName, ...] = get_args(VerbName)
TextVerbName = Literal["chat", "complete", "embed"]  # predictions of models of text, each of another kind
OF_TEXT: tuple[TextVerbName, ...] = get_args(TextVerbName)
CallVerb = VerbName | TextVerbName | Literal["stream"]
PREDICTIONS: tuple[CallVerb, ...] = ("predict", *OF_TEXT)
ArgumentKind = Literal["value", "file", "files", "accept"]
Location = Literal["any", "query", "form", "json", "headers", "cookies", "files"]


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of an operation.

    `schema` is the JSON Schema (2020-12) of its value, with `description`, `default`, `enum`, bounds.
    `kind` is `file`/`files` for uploads and `accept` for the argument that the Accept header fills.
    `delimiter` is set where a list may be written as one string, such as `1,2,3`. `keyword` is the name by
    which the model itself gets the value, where that is another.
    """

    name: str
    schema: dict[str, Any] = {}
    required: bool = False
    kind: ArgumentKind = "value"
    location: Location = "any"
    delimiter: str | None = None
    keyword: str = ""

    @property
    def parameter(self) -> str:
        """The name by which the model's function gets the value."""
        return self.keyword or self.name

    @property
    def is_upload(self) -> bool:
        return self.kind in ("file", "files")


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages of a stream may be, one way.

    `binary` ones are bytes. Those of text are text as it is (`text`), or else JSON of this `schema`
    (2020-12); none are where it is `None`.
    """

    binary: bool = False
    text: bool = False
    schema: dict[str, Any] | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One verb of a model.

    `implemented` is false where the model has no such function; the server then answers 501.
    `answer` is the JSON Schema of the JSON answer, `None` where the model does not say.
    `wrapped` answers arrive as `{"status": "OK", "predictions": answer}`.
    `media_types` lists what can be answered, the default first; `*/*` means anything.
    `takes_base64` says that files may stand in JSON, as base64 or a data URI.
    `max_batch_size` above 1 means that the model takes several calls at once; the server waits up to
    `max_wait_ms` milliseconds for a batch to fill. `max_concurrency` is how many calls one worker may run at
    the same time: in its event loop if the function `is_async`, else in threads.
    `layout` and `examples` are what the model says of the form that people fill in.
    A stream takes messages as they come, by the parameter `pieces`, and gives others.
    """

    implemented: bool = False
    arguments: list[Argument] = []
    answer: dict[str, Any] | None = None
    wrapped: bool = True
    media_types: list[str] = msgspec.field(default_factory=lambda: [JSON])
    streams: bool = False
    takes_base64: bool = False
    max_batch_size: int = 1
    max_wait_ms: float = 0.0
    max_concurrency: int = 1
    is_async: bool = False
    layout: Layout | None = None
    examples: list[Example] = []
    pieces: str = ""
    takes: Messages | None = None
    gives: Messages | None = None

    @cached_property
    def accept(self) -> Argument | None:
        """The argument of the model's own that is filled by the Accept header, if it has one."""
        return next((argument for argument in self.arguments if argument.kind == "accept"), None)

    @cached_property
    def uploads(self) -> list[Argument]:
        """The arguments that are files."""
        return [argument for argument in self.arguments if argument.is_upload]

    @cached_property
    def files(self) -> list[Argument]:
        """The arguments that a file may be: files, and tables of models that read them so."""
        tables = [a for a in self.arguments if self.takes_base64 and a.schema.get("format") == "table"]
        return [*self.uploads, *tables]

    @cached_property
    def sole_file(self) -> Argument | None:
        """The one argument that is a file or a table, which the whole body of a request may be."""
        return self.files[0] if len(self.files) == 1 else None

    @property
    def is_listable(self) -> bool:
        """True for a stream of values, which may also be answered as one JSON list."""
        return self.streams and tuple(self.media_types) == STREAM_TYPES

    def header_names(self) -> list[str]:
        """Lower-case names of the request headers that this operation reads its arguments from.

        The Accept header is none of them: it comes with every request.
        """
        names = [a.name.lower() for a in self.arguments if a.location == "headers" and a.kind != "accept"]
        return [*names, "cookie"] if any(a.location == "cookies" for a in self.arguments) else names


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A model as data. `definitions` holds what `#/$defs/…` in the schemas point at.

    `chat`, `complete` and `embed` are predictions of models of text: one that has none of its own may be its
    `predict` (`contract.text_verbs`).
    `resumable` says that an interrupted training may be run again: it goes on from its checkpoints.
    `settings` are those that the model asks for by itself.
    """

    name: str
    contract: Literal["deepaas", "typed", "object", "array"]
    metadata: dict[str, Any]
    predict: Operation = Operation()
    train: Operation = Operation()
    validate: Operation = Operation()
    chat: Operation = Operation()
    complete: Operation = Operation()
    embed: Operation = Operation()
    stream: Operation = Operation()
    definitions: dict[str, Any] = {}
    problems: list[str] = []
    resumable: bool = False
    settings: dict[str, Any] = {}

    def operation(self, verb: CallVerb) -> Operation:
        """What the model takes and answers for a verb."""
        operation: Operation = getattr(self, verb)
        return operation
