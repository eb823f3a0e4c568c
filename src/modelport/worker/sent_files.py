"""Files that come without a form: in JSON as base64 or a data URI, or as the whole body of a request."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from modelport.contract.calls import Call
from modelport.contract.errors import ArgumentErrors, BadRequest
from modelport.contract.media_types import SEEN_OR_HEARD
from modelport.contract.places import Body, Places
from modelport.contract.signature import Argument, Operation
from modelport.contract.unread import HEAD, looks_like_json
from modelport.sources.deepaas_modules import uploaded_file_class
from modelport.worker.frames import Load

DATA_URI = "data:"
NO_TYPE = "application/octet-stream"
UNSAID = ("", "text/plain")  # what clients say of anything: it may be arguments whose type was forgotten
WHITE_SPACE = str.maketrans("", "", " \t\r\n")


def take_sent_files(call: Call, operation: Operation, places: Places, load: Load) -> None:
    """Put a file in the place of each one that came in JSON or as the body.

    What is neither is left to whoever binds the arguments. The files lie in the folder of the call, which
    the server removes. Raises `ArgumentErrors` for a file that came twice, `BadRequest`: 415 for a body that
    could be any of several files, 507 if the disk is full.
    """
    files = _Files(call, load)
    if operation.takes_base64 or places.is_python:
        for argument in operation.uploads:
            _take_json(argument, places, files)
    if places.body is not None:
        _take_body(places.body, operation, places, files)


def _take_json(argument: Argument, places: Places, files: _Files) -> None:
    name = argument.name
    if name not in places.json or name in places.query or name in places.form:
        return
    given: Any = places.json[name]
    several = isinstance(given, list) and argument.kind == "files"
    sent = cast("list[Any]", given if several else [given])
    found = [_content(one) for one in sent]
    whole = [one for one in found if one is not None]
    if len(whole) == len(sent):
        places.form[name] = [files.kept(name, content, media) for media, content in whole]


def _take_body(body: Body, operation: Operation, places: Places, files: _Files) -> None:
    sole = operation.sole_file
    media_type = body.media_type.partition(";")[0].strip().lower()
    if sole is not None and not sole.required and media_type.partition("/")[0] not in SEEN_OR_HEARD:
        return  # it may as well be the arguments, with a type that nobody reads
    if media_type in UNSAID:
        if sole is not None and not looks_like_json(body.head(HEAD)):
            said = (
                f"a body of type {body.media_type[:100]!r}"
                if body.media_type
                else "a body without a Content-Type"
            )
            places.unread = BadRequest(
                f"{said} is not read here: say what {sole.name} is, such as image/png or {NO_TYPE}", 415
            )
        return
    if sole is None:
        names = ", ".join(argument.name for argument in operation.files)
        places.unread = BadRequest(
            f"a body of type {body.media_type[:100]!r} could be any of the files {names}: "
            "send them as parts of multipart/form-data",
            415,
        )
        return
    if sole.name in places.query:
        words = "It came twice: in the query string and as the body."
        raise ArgumentErrors(
            {sole.name: [words]}, [{"loc": [sole.name], "msg": words, "type": "value_error"}]
        )
    places.form[sole.name] = [files.of_body(sole.name, body)]
    places.unread = None


def _content(sent: Any) -> tuple[str, bytes] | None:
    """The media type and the bytes of what may stand for a file; `None` for what may not."""
    if isinstance(sent, bytes):
        return NO_TYPE, sent
    return _decoded(sent) if isinstance(sent, str) else None


def _decoded(text: str) -> tuple[str, bytes] | None:
    """The media type and the bytes of a data URI (RFC 2397) or of base64; `None` if the text is neither."""
    if text[: len(DATA_URI)].lower() != DATA_URI:
        content = _of_base64(text)
        return None if content is None else (NO_TYPE, content)
    head, comma, data = text[len(DATA_URI) :].partition(",")
    if not comma:
        return None
    media, semicolon, last = head.rpartition(";")
    if semicolon and last.strip().lower() == "base64":
        content = _of_base64(unquote_to_bytes(data).decode("latin-1")) if data else b""
    else:
        media, content = head, unquote_to_bytes(data)
    return None if content is None else (media[:255] or "text/plain;charset=US-ASCII", content)


def _of_base64(text: str) -> bytes | None:
    """The bytes, if the text is base64 with its padding; lines of it are one."""
    try:
        return base64.b64decode(text.translate(WHITE_SPACE), validate=True) or None
    except (binascii.Error, ValueError):
        return None


class _Files:
    """The files of one call, in its folder."""

    def __init__(self, call: Call, load: Load):
        self._folder = Path(load.spool) / f"{call.id:x}"
        self._count = 0

    def of_body(self, name: str, body: Body) -> Any:
        """The body as a file; a large one is one already."""
        return self.kept(name, body.content, body.media_type, body.path)

    def kept(self, name: str, content: bytes, media_type: str, lies_at: str = "") -> Any:
        """A file with this content, or with that of the file at `lies_at`. Raises `BadRequest` 507."""
        suffix = mimetypes.guess_extension(media_type.partition(";")[0].strip().lower()) or ""
        path = self._folder / f"sent-{self._count}{suffix}"  # some libraries go by it
        self._count += 1
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if lies_at:
                path.symlink_to(lies_at)
            else:
                path.write_bytes(content)
        except OSError as error:
            raise BadRequest("the server has no room for this file; try again later", 507) from error
        return _uploaded(name, str(path), media_type)


def _uploaded(name: str, path: str, media_type: str) -> Any:
    make: Any = uploaded_file_class()
    return make(name, path, media_type, "")
