"""From what a model returns to the bytes of an answer."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import uuid
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.errors import AnswerInvalid
from modelport.contract.kinds import File
from modelport.contract.packed_values import PACKED
from modelport.contract.plain import plain
from modelport.contract.reports import made_plain
from modelport.contract.served import ServedModel
from modelport.contract.signature import JSON, Operation
from modelport.contract.uploaded_file import is_uploaded_file
from modelport.dialects.codecs import Given, codec_of
from modelport.dialects.codecs.failures import words
from modelport.worker.frames import Load

INLINE_BYTES = 1 << 20  # larger answers travel as files
SHOWN_BYTES = 1 << 16  # of a job's arguments, which go with it into every list
_encoder = msgspec.json.Encoder()
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b", "application/gzip"),
)


class AnswerEncoder:
    """Turns the values of one model into answers."""

    def __init__(self, model: ServedModel, load: Load):
        self.model = model
        self.load = load

    def encode(self, call: Call, value: Any, media_type: str, operation: Operation) -> Answer:
        """The answer to `call`. `media_type` is what the client and the model agreed on, `*/*` if nothing.

        Raises `AnswerInvalid` if the value does not fit the schema or cannot be encoded.
        """
        codec = codec_of(call.dialect)
        if codec.answer is not None:
            return self._formed(call, value, codec.answer)
        if codec.pack is not None and not (is_binary(value) and not _is_bytes(value)):
            return self._packed(call, value, codec.pack)
        if is_binary(value):
            return self._binary(call, value, media_type)
        envelope = codec.envelope
        if envelope is None and media_type != JSON:
            if isinstance(value, str) and _is_text_itself(media_type, operation):
                return self._text(call, value, media_type)
            if operation.accept is not None and media_type.endswith("+json"):
                return Answer(call.id, content_type=media_type, body=self.json_bytes(value))
        return Answer(call.id, body=self.json_bytes(value, operation, envelope))

    def _formed(self, call: Call, value: Any, form: Callable[[Call, Given], Answer]) -> Answer:
        """The answer as its dialect has it."""
        try:
            is_checked = call.verb == "predict" and not is_binary(value)
            checked = self.model.check_values(value) if is_checked else value
            return form(call, self.given(checked))
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            cause = f"it has no form in this API: {words(error)}"
            raise AnswerInvalid(cause, f"the model's answer is wrong: {cause}") from error

    def given(self, value: Any) -> Given:
        """What the model has given, for a dialect that has a form of its own for it."""
        json_of = partial(encode_json, allow_nan=self.load.allow_nan)
        return Given(value, self.model.signature, _whole_content, json_of)

    def _packed(self, call: Call, value: Any, pack: Callable[[Any], bytes]) -> Answer:
        try:
            return Answer(call.id, content_type=PACKED, body=pack(self.model.check_values(value)))
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            cause = f"it cannot be given to another model: {words(error)}"
            raise AnswerInvalid(cause, f"the model's answer is wrong: {cause}") from error

    def _text(self, call: Call, text: str, media_type: str) -> Answer:
        media_type = "text/plain" if media_type == "text/*" else media_type
        if media_type.startswith("text/") and "charset=" not in media_type:
            media_type += "; charset=utf-8"
        return Answer(call.id, content_type=media_type, body=text.encode())

    def json_bytes(
        self, value: Any, operation: Operation | None = None, envelope: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        """The JSON body for `value`: checked by the model's schema, or in an envelope if it has none.

        Without `operation`, as for a training, it is the value alone; with an `envelope` of the dialect's it
        is in that instead. Raises `AnswerInvalid`.
        """
        try:
            if operation is None:
                return self._result_bytes(value)
            if not operation.wrapped:
                value = self.model.check_answer(value, self.load.allow_nan)
                if isinstance(value, bytes):
                    return envelope(value) if envelope is not None else value
            if operation.wrapped and self.load.stringify and envelope is None:
                value = str(value)
            body = encode_json(value, self.load.allow_nan)
            if envelope is not None:
                return envelope(body)
            return b'{"status":"OK","predictions":%b}' % body if operation.wrapped else body
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            cause = f"it cannot be encoded as JSON: {type(error).__name__}: {error}"
            is_deepaas = self.model.signature.contract == "deepaas"  # whose clients are told no cause
            raise AnswerInvalid(
                cause, "" if is_deepaas else f"the model's answer is wrong: {cause}"
            ) from error

    def _result_bytes(self, value: Any) -> bytes:
        """What a training or a validation has returned. What has no form in JSON fails none that is done."""
        try:
            return encode_json(value, self.load.allow_nan)
        except Exception as error:  # values are anybody's objects, which may raise anything wherever touched
            name = self.model.signature.name
            logging.getLogger("modelport").warning("%s: its result is kept as text: %s", name, words(error))
            return encode_json(_as_text(value), self.load.allow_nan)

    def _binary(self, call: Call, value: Any, media_type: str) -> Answer:
        folder = Path(self.load.spool) / f"{call.id:x}"
        name = file_name(value)
        inline = INLINE_BYTES if codec_of(call.dialect).pack is None else -1
        content = content_of(value, media_type)
        head: bytes
        path = ""
        body = b""
        if isinstance(content, bytes):
            head = body = content
            if len(content) > inline:
                path = spooled(folder, io.BytesIO(content))
                body = b""
        else:
            with contextlib.closing(content) if hasattr(content, "close") else contextlib.nullcontext():
                head = content.read(INLINE_BYTES + 1)
                if len(head) > inline:
                    path = spooled(folder, _Rest(head, content))
                else:
                    body = head
        if media_type in ("*/*", JSON) or media_type.endswith("/*"):
            media_type = _guessed(head)
        headers = [("content-disposition", _disposition(name))] if name else []
        return Answer(call.id, content_type=media_type, body=body, path=path, headers=headers)


def _as_text(value: Any) -> Any:
    """The text of a value that has no form in JSON, else what can be said of it. Raises nothing."""
    try:
        return str(value).encode("utf-8", "backslashreplace").decode()
    except Exception:  # as above; an integer of more digits than Python writes, and lists deeper than it goes
        return made_plain(value)


def _is_text_itself(media_type: str, operation: Operation) -> bool:
    """Whether a text is the answer as it is: its type was chosen, and is not JSON."""
    kind = media_type.partition(";")[0].strip()
    if operation.accept is not None:
        return kind == "text/*" or not (kind == JSON or kind.endswith(("/*", "+json")))
    return operation.wrapped and kind.startswith("text/")


def shown_arguments(arguments: dict[str, Any]) -> bytes:
    """JSON of a call's arguments as clients may see them: files by name and media type, never by path."""
    shown = {name: _shown(value) for name, value in arguments.items()}
    body = encode_json(shown, allow_nan=False)
    if len(body) <= SHOWN_BYTES:
        return body
    sizes = {name: len(encode_json(value, allow_nan=False)) for name, value in shown.items()}
    most = SHOWN_BYTES // len(shown)
    return encode_json(
        {
            name: f"({type(arguments[name]).__name__}, {sizes[name]} bytes)" if sizes[name] > most else value
            for name, value in shown.items()
        },
        allow_nan=False,
    )


def _shown(value: Any) -> Any:
    if is_uploaded_file(value):
        return [value.name, value.content_type, value.original_filename]
    if isinstance(value, File):
        return [value.filename, value.content_type]
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in cast("list[Any]", value)]
    try:
        return json.loads(encode_json(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return f"({type(value).__name__})"  # a picture or a table: too much to show


def encode_json(value: Any, allow_nan: bool) -> bytes:
    """JSON of any value; NaN and infinity become null, or stay as Python writes them with `allow_nan`.

    Raises what `plain` raises, and `UnicodeEncodeError` for half a pair of surrogates.
    """
    if allow_nan:
        return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")).encode()
    return _encoder.encode(plain(value))


@lru_cache(maxsize=1024)
def is_data(kind: type[object]) -> bool:
    """True for types that JSON is made of, for numpy's, pandas', and pydantic's, which are slow to ask."""
    if kind in (dict, list, tuple, str, int, float, bool, type(None)):
        return True
    if issubclass(kind, tuple):  # an uploaded file, too, though it can be read
        return True
    if kind.__module__.partition(".")[0] in ("numpy", "pandas", "polars"):  # a column may be called "read"
        return True
    return any(base.__module__ == "pydantic.main" for base in kind.__mro__)


def is_binary(value: Any) -> bool:
    """True for bytes, files and pictures: what is no data."""
    if is_data(value.__class__):
        return False
    if _is_bytes(value) or isinstance(value, (Path, File)):
        return True
    return hasattr(value, "read") or _is_picture(value)


def _is_bytes(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview))


def _is_picture(value: Any) -> bool:
    return type(value).__module__.startswith("PIL.") and hasattr(value, "save")


def _whole_content(value: Any) -> bytes | None:
    """The bytes of a file, of bytes or of a picture; `None` for what is data."""
    if not is_binary(value):
        return None
    content = content_of(value, "*/*")
    if isinstance(content, bytes):
        return content
    with contextlib.closing(content) if hasattr(content, "close") else contextlib.nullcontext():
        return content.read()


def content_of(value: Any, media_type: str) -> Any:
    """Of a file, bytes or a picture: bytes, or an open binary file that is ours to close."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", value))
    if isinstance(value, (Path, File)):
        return (value.path if isinstance(value, File) else value).open("rb")
    if _is_picture(value):
        buffer = io.BytesIO()
        kind = {"image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}.get(media_type, "PNG")
        value.save(buffer, kind)
        return buffer.getvalue()
    if isinstance(value, io.BytesIO):
        return value.getvalue()  # DEEPaaS models hand over buffers that stand at their end
    if isinstance(value, io.TextIOBase):
        return value.read().encode()
    if hasattr(value, "seekable") and value.seekable() and value.tell():
        value.seek(0)
    return value


class _Rest:
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, rest: Any):
        self.head = head
        self.rest = rest

    def read(self, size: int = -1) -> bytes:
        if self.head:
            head, self.head = self.head, b""
            return head
        return self.rest.read(size)


def spooled(folder: Path, content: Any) -> str:
    """Write what `content.read` gives to a file of its own in `folder`; its path. Raises `OSError`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"answer-{uuid.uuid4().hex}"
    with path.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    return str(path)


def file_name(value: Any) -> str:
    """What a file is called; empty if nobody says."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, File):
        name = Path(value.filename).name
        return value.path.name if name in ("", "..") else name
    name: Any = getattr(value, "name", None)
    return Path(name).name if isinstance(name, str) and hasattr(value, "read") else ""


def _disposition(name: str) -> str:
    """`Content-Disposition` for a file name (RFC 6266): ASCII in quotes, then in full if that lost any."""
    from urllib.parse import quote

    ascii_name = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    extended = "" if ascii_name == name else f"; filename*=UTF-8''{quote(name, errors='replace')}"
    return f'attachment; filename="{ascii_name}"{extended}'


def _guessed(head: bytes) -> str:
    for start, media_type in SIGNATURES:
        if head.startswith(start):
            return media_type
    return "application/octet-stream"
