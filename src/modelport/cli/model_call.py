"""From the options of a command line to the call that an HTTP request with these arguments would be."""

from __future__ import annotations

import ast
import json
import mimetypes
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlencode

import click

from modelport.cli.model_options import ModelOption
from modelport.contract.calls import Call, Upload
from modelport.contract.signature import VerbName

CALL_ID = 1
Spelling = Literal["json", "python"]


@dataclass
class _Parts:
    """The places of the request that is being made."""

    query: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    fields: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    uploads: list[Upload] = field(default_factory=list[Upload])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    json: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class CallMaker:
    """Makes calls to one model. Files are copied below `spool`, as an upload is.

    `is_typed` says that text which is JSON is read as JSON, wherever it stands. `spelling` is how lists,
    objects and booleans are written: as JSON, or as Python literals, which is DEEPaaS's way.
    """

    options: list[ModelOption]
    is_typed: bool
    spool: Path
    spelling: Spelling = "json"

    def call(self, given: dict[str, list[str]], accept: str = "", verb: VerbName = "predict") -> Call:
        """The call with these arguments. Raises `click.UsageError` for what cannot be sent."""
        parts = _Parts()
        for option in self.options:
            texts = given.get(option.argument.name)
            if texts is not None:
                self._add(parts, option, texts)
        if parts.json and (parts.fields or parts.uploads):
            names = ", ".join(o.flag for o in self.options if o.argument.name in parts.json)
            raise click.UsageError(
                f"{names} can only be sent as JSON, and files only as a form: give one or the other"
            )
        body = json.dumps(parts.json).encode() if parts.json else b""
        return Call(
            CALL_ID,
            verb,
            query=urlencode(parts.query, errors="surrogateescape").encode(),
            content_type="application/json" if parts.json else "multipart/form-data",
            accept=accept,
            body=body,
            fields=parts.fields,
            uploads=parts.uploads,
            headers=parts.headers,
        )

    def _add(self, parts: _Parts, option: ModelOption, texts: list[str]) -> None:
        name = option.argument.name
        if option.argument.is_upload:
            parts.uploads.extend(self._upload(name, Path(text), len(parts.uploads)) for text in texts)
            return
        if option.shape == "table":
            path = _table_file(option, texts[0])
            if path is not None:
                parts.uploads.append(self._upload(name, path, len(parts.uploads)))
                return
        value = self._value(option, texts)
        if isinstance(value, _Data):
            if not self.is_typed or option.argument.location == "json":
                parts.json[name] = value.data
                return
            value = [json.dumps(value.data)]
        if option.argument.location == "json":
            parts.json[name] = value if option.is_repeated else _scalar(option, value[0])
        elif option.argument.location == "headers":
            parts.headers[name.lower()] = value[0]
        elif option.argument.location == "form":
            parts.fields.extend((name, text) for text in value)
        else:
            parts.query.extend((name, text) for text in value)

    def _upload(self, name: str, path: Path, number: int) -> Upload:
        folder = self.spool / f"{CALL_ID:x}"
        folder.mkdir(mode=0o700, exist_ok=True)
        copy = folder / f"upload-{number}{path.suffix}"
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            raise click.UsageError(f"{path}: it cannot be read: {error.strerror}") from None
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Upload(name, str(copy), path.name, kind)

    def _value(self, option: ModelOption, texts: list[str]) -> list[str] | _Data:
        """The texts that stand for a value in a query, or data where only JSON can carry it."""
        if option.shape == "object":
            return _Data(self._read(option, texts[0]))
        if option.shape == "array":
            if len(texts) == 1 and texts[0].lstrip()[:1] in ("[", "("):
                return _as_texts(self._read(option, texts[0]))
            if option.items == "object":
                return _Data([self._read(option, text) for text in texts])
            return texts
        if option.shape == "boolean" and self.spelling == "python":
            return [text.lower() if text in ("True", "False") else text for text in texts]
        return texts

    def _read(self, option: ModelOption, text: str) -> Any:
        try:
            return ast.literal_eval(text) if self.spelling == "python" else json.loads(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            if self.spelling == "python":
                try:
                    return json.loads(text)
                except (ValueError, RecursionError):
                    pass
            wanted = "a Python literal" if self.spelling == "python" else "JSON"
            raise click.UsageError(f"Invalid value for {option.flag!r}: {text!r} is not {wanted}") from None


@dataclass(frozen=True)
class _Data:
    """A value that no text of a query stands for."""

    data: Any


def _as_texts(value: Any) -> list[str] | _Data:
    if not isinstance(value, (list, tuple)) or not value:
        return _Data(value)
    items = list(cast("list[Any]", value))
    if not all(isinstance(item, (str, int, float)) for item in items):
        return _Data(items)
    return [item if isinstance(item, str) else json.dumps(item) for item in items]


def _scalar(option: ModelOption, text: str) -> Any:
    """Text for a place that is JSON: numbers and booleans are written as such."""
    if option.shape in ("integer", "number", "boolean"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _table_file(option: ModelOption, text: str) -> Path | None:
    """The file that a table argument names; `None` if the text is the table itself."""
    if text.lstrip()[:1] in ("[", "{") or "\n" in text:
        return None
    path = Path(text)
    if not path.is_file():
        raise click.UsageError(f"Invalid value for {option.flag!r}: File {text!r} does not exist.")
    return path
