"""Request bodies on their way to a worker: small ones in memory, large ones and files on the disk."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path

from modelport.contract.calls import Call, Upload
from modelport.http.asgi import Receive, Scope
from modelport.http.body_memory import SMALL_BYTES, BodyHold
from modelport.http.multipart import MultipartForm
from modelport.problems import Problem
from modelport.settings import Settings

MEMORY_BYTES = 1 << 20
MULTIPART = "multipart/form-data"


class ClientLeft(Exception):
    """The client closed the connection before it had sent its request."""


class CallHeaders:
    """What the head of a request says of its body, and of the answer it wants."""

    __slots__ = ("accept", "content_type", "content_types", "encoding", "extra", "length", "query")

    def __init__(self, scope: Scope, wanted: Sequence[str]):
        self.query: bytes = scope["query_string"]
        self.content_type = self.accept = self.encoding = ""
        self.length = -1
        self.content_types = 0
        self.extra: dict[str, str] = {}
        for name, value in scope["headers"]:
            if name == b"content-type":
                self.content_type = value.decode("latin-1")
                self.content_types += 1
            elif name == b"accept":
                text = value.decode("latin-1")
                self.accept = f"{self.accept},{text}" if self.accept else text
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() else -1
            elif name == b"content-encoding":
                text = value.decode("latin-1").strip().lower()
                self.encoding = f"{self.encoding}, {text}" if self.encoding else text
            if wanted and name.decode("latin-1") in wanted:
                self._add(name.decode("latin-1"), value.decode("utf-8", "replace"))

    def _add(self, name: str, value: str) -> None:
        """Keep a header for the model; a second one of its name is a second line, which no value can hold."""
        self.extra[name] = f"{self.extra[name]}\n{value}" if name in self.extra else value

    def may_need_files(self) -> bool:
        """True if the body may end up on the disk."""
        is_form = self.content_type.lower().startswith("multipart/form-data")
        return is_form or self.length > SMALL_BYTES or self.length < 0


def limit_of(headers: CallHeaders, settings: Settings) -> int:
    """The bytes that a body of arguments may have; 0 for any number."""
    media = headers.content_type.partition(";")[0].strip().lower()
    limit = settings.client_max_size
    if media != MULTIPART and ("json" in media or "urlencoded" in media) and settings.json_max_size:
        return min(limit, settings.json_max_size) if limit else settings.json_max_size
    return limit


async def read_body(
    call: Call, headers: CallHeaders, receive: Receive, folder: Path, limit: int, hold: BodyHold
) -> None:
    """Put what the request says into `call`, whose body may have `limit` bytes.

    `folder` is made only if something is written there.

    `hold` is to be let go of when nobody needs the call any more. Raises `Problem` for a body that is too
    large or broken, or if the disk is full, and `ClientLeft`.
    """
    call.query, call.content_type = headers.query, headers.content_type
    call.accept, call.headers = headers.accept, headers.extra
    if headers.encoding not in ("", "identity"):
        raise Problem(
            415, f"Content-Encoding {headers.encoding[:50]!r} is not supported; send the body as it is"
        )
    if headers.content_types > 1:
        raise Problem(400, "the request has more than one Content-Type")
    if len(headers.content_type) > 1024:
        raise Problem(400, "the Content-Type is over 1024 characters")
    media = headers.content_type.partition(";")[0].strip().lower()
    if limit and headers.length > limit:
        raise _too_large(limit)
    try:
        if media == MULTIPART:
            form = MultipartForm(headers.content_type, folder, hold.turn)
            await _read_form(call, form, receive, limit, hold)
        elif headers.length != 0:
            await _read_plain(call, receive, folder, limit, hold)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem(
                507, "the server has no room for this upload; try again later", [("Retry-After", "30")]
            ) from error
        raise


async def keep_body(call: Call, folder: Path) -> None:
    """Let the body lie in a file of the folder, however small it is. Raises `OSError`."""
    if not call.body_path:
        path = folder / "body"
        await asyncio.to_thread(_append, path, bytearray(call.body))
        call.body, call.body_path = b"", str(path)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the request body is over the limit of {limit} bytes")


async def _read_plain(call: Call, receive: Receive, folder: Path, limit: int, hold: BodyHold) -> None:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    body = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= MEMORY_BYTES:
        if limit and len(body) > limit:
            raise _too_large(limit)
        if hold.change(len(body)) or len(body) <= SMALL_BYTES:
            call.body = body  # it is whole: nobody has to copy it
            return
    del body
    buffer = bytearray()
    size = 0
    path: Path | None = None
    while True:
        data = message.get("body", b"")
        size += len(data)
        if limit and size > limit:
            raise _too_large(limit)
        buffer += data
        more = message.get("more_body", False)
        del data, message  # the next piece may be long in coming
        fits = hold.change(len(buffer))
        if len(buffer) > (MEMORY_BYTES if fits else SMALL_BYTES):
            path = folder / "body"
            await asyncio.to_thread(_append, path, buffer)
            buffer = bytearray()
            hold.change(0)
        if not more:
            break
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
    if path is None:
        call.body = bytes(buffer)
        return
    if buffer:
        await asyncio.to_thread(_append, path, buffer)
    call.body_path = str(path)


def _append(path: Path, data: bytearray) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)


async def _read_form(call: Call, form: MultipartForm, receive: Receive, limit: int, hold: BodyHold) -> None:
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        data = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(data)
        if limit and size > limit:
            raise _too_large(limit)
        await form.feed(data)
        del data, message  # the next piece may be long in coming
        if not hold.change(form.in_memory):
            await form.flush()
            if not hold.change(form.in_memory) and form.in_memory > SMALL_BYTES:
                raise Problem(
                    503, "the server holds too many forms now; try again later", [("Retry-After", "1")]
                )
    await form.finish()
    call.fields = form.fields
    call.uploads = [Upload(*file) for file in form.uploads]
