"""Calls to a model and their answers, as data that crosses from the server to a worker and back."""

from __future__ import annotations

import msgspec

HIDDEN = "the model failed"  # what clients are told of a failure whose words are the server's alone


class Upload(msgspec.Struct, array_like=True):
    """A file part of a form, on disk."""

    field: str
    path: str
    filename: str
    content_type: str


class Call(msgspec.Struct, array_like=True):
    """One request for the model. `body` is the request's body; `body_path` says where a large one lies.

    `fields` and `uploads` are the parts of a multipart form, in order. `alone` keeps it out of batches.
    `only_check` binds the arguments and answers with what may be shown of them, without running anything;
    `collect` makes one answer of what would be a stream. `dialect` is the API it came by, whose words
    the answer has; `request_id` is what such an answer may have to repeat. The call of a job names by `saved`
    the version of the model that it is for; without it, that is the live one.
    `headers` are those that arguments are read from; what came several times has a line for each.
    """

    id: int
    verb: str = "predict"
    query: bytes = b""
    content_type: str = ""
    accept: str = ""
    body: bytes = b""
    body_path: str = ""
    fields: list[tuple[str, str]] = []
    uploads: list[Upload] = []
    headers: dict[str, str] = {}
    alone: bool = False
    only_check: bool = False
    collect: bool = False
    dialect: str = "v2"
    request_id: str = ""
    saved: str | None = None


class Answer(msgspec.Struct, array_like=True):
    """The answer to a call. With `path` the body is that file; with `stream` chunks follow.

    `failure` is set where the model failed: class name, message and traceback, for the log.
    `problem` true means that the server wraps `detail` in its own error body.
    """

    id: int
    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""
    headers: list[tuple[str, str]] = []
    path: str = ""
    stream: bool = False
    reason: str = ""
    problem: bool = False
    detail: str = ""
    failure: str = ""
    micros: int = 0

    @property
    def is_plain(self) -> bool:
        """True for JSON that is whole and has nothing more to it."""
        if self.status != 200 or self.content_type != "application/json" or self.headers:
            return False
        return not (self.stream or self.path or self.problem)


class Chunk(msgspec.Struct, array_like=True):
    """A piece of a streamed answer; the last one has `end` set, and `error` if the model failed midway."""

    id: int
    data: bytes = b""
    end: bool = False
    error: str = ""
    failure: str = ""
