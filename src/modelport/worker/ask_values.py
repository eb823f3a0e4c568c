"""Values between a model and another one that it asks: arguments on their way, answers on their way back."""

from __future__ import annotations

import contextlib
import json
import mimetypes
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import unquote

import msgspec

from modelport.contract.calls import Answer, Call, Upload
from modelport.contract.errors import ModelError, flat_messages
from modelport.contract.kinds import File, Image
from modelport.contract.packed_values import PACKED, packed, unpacked
from modelport.contract.plain_checks import is_plain
from modelport.contract.signature import JSON
from modelport.contract.table import Table
from modelport.contract.uploaded_file import is_uploaded_file
from modelport.worker.answers import INLINE_BYTES, content_of, file_name, is_binary

NO_TYPE = "application/octet-stream"
NAME = re.compile(r"filename\*=UTF-8''(?P<quoted>\S+)|filename=\"(?P<plain>[^\"]*)\"")


class Arguments:
    """The arguments of one ask: files by path, anything else as bytes. Use it as a context manager.

    What is written for it to a temporary folder goes at the end. Raises `TypeError` for what cannot be
    given to another model, and `OSError` for a file that cannot be read.
    """

    def __init__(self, arguments: Mapping[str, Any]):
        self.uploads: list[Upload] = []
        self.body_path = ""
        self._folder: str | None = None
        try:
            rest = {name: value for name, value in arguments.items() if not self._is_file(name, value)}
            self.content_type, self.body = _written(rest)
            if len(self.body) > INLINE_BYTES:
                self.body_path, self.body = self._kept(self.body, "arguments"), b""
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Arguments:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was written."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, call_id: int, streams: bool) -> Call:
        """The call of a model that is asked in this process."""
        return Call(
            call_id,
            content_type=self.content_type,
            body=self.body,
            body_path=self.body_path,
            uploads=self.uploads,
            collect=not streams,
            dialect="asked",
        )

    def _is_file(self, name: str, value: Any) -> bool:
        """Whether an argument is a file, or a list of them, which is kept then."""
        several = isinstance(value, (list, tuple)) and not is_uploaded_file(value)
        given = cast("list[Any]", value if several else [value])
        if not given or not all(is_uploaded_file(one) or is_binary(one) for one in given):
            return False
        self.uploads += [self._upload(name, one) for one in given]
        return True

    def _upload(self, name: str, value: Any) -> Upload:
        if is_uploaded_file(value):
            return Upload(name, value.filename, value.original_filename or "", value.content_type or NO_TYPE)
        called = file_name(value)
        if isinstance(value, File | Path):
            is_path = isinstance(value, Path)
            path, content_type = (value, _guessed(called)) if is_path else (value.path, value.content_type)
            if not stat.S_ISREG(path.stat().st_mode):  # a folder, or a pipe that would keep who reads it
                raise OSError(f"{name}: {str(path)!r} is no file")
            return Upload(name, str(path.absolute()), called, content_type)
        content = content_of(value, "*/*")
        is_picture = type(value).__module__.startswith("PIL.")
        called = called or ("image.png" if is_picture else "")
        path = self._kept(content, f"file-{len(self.uploads)}{Path(called).suffix}")
        return Upload(name, path, called, _guessed(called))

    def _kept(self, content: Any, name: str) -> str:
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="modelport-asks-")
        path = Path(self._folder) / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            with path.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
        return str(path)


def _written(values: dict[str, Any]) -> tuple[str, bytes]:
    """The arguments as they go, and the type of that: JSON where they have a form in it that is the same."""
    ready = {
        name: {"columns": value.columns, "rows": value.rows} if isinstance(value, Table) else value
        for name, value in values.items()
    }
    if is_plain(ready):
        with contextlib.suppress(ValueError, RecursionError):  # NaN, and half a pair of surrogates
            return JSON, json.dumps(ready, ensure_ascii=False, allow_nan=False).encode()
    return PACKED, packed(ready)


def _guessed(name: str) -> str:
    return mimetypes.guess_type(name)[0] or NO_TYPE


def value_of(answer: Answer, model: str) -> Any:
    """What a model has answered. Raises `ModelError` if it has not."""
    if answer.status >= 400:
        raise _error_of(answer, model)
    if answer.content_type == PACKED:
        return unpacked(_body_of(answer))
    name = _name_of(dict(answer.headers).get("content-disposition", ""))
    if answer.content_type.startswith("image/"):
        with contextlib.suppress(ValueError, RuntimeError):  # one that Pillow does not know, or no Pillow
            return Image(answer.path, name, answer.content_type)
    return File(answer.path, name, answer.content_type)


def piece_of(data: bytes) -> Any:
    """A piece of an answer that is a stream."""
    return unpacked(data)


def _body_of(answer: Answer) -> bytes:
    if not answer.path:
        return answer.body
    path = Path(answer.path)
    body = path.read_bytes()
    path.unlink(missing_ok=True)
    return body


def _name_of(disposition: str) -> str:
    found = NAME.findall(disposition)
    quoted = [unquote(one) for one, _ in found if one]
    return next(iter(quoted), "") or next((plain for _, plain in found if plain), "")


def _error_of(answer: Answer, model: str) -> ModelError:
    messages: dict[str, Any] = {}
    if not answer.problem and answer.body:
        with contextlib.suppress(msgspec.DecodeError, ValueError, TypeError):
            messages = dict(msgspec.json.decode(answer.body))
    detail = answer.detail or "; ".join(flat_messages(messages)) or f"status {answer.status}"
    return ModelError(model, answer.status, detail, messages)
