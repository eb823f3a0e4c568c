"""From Python values to the body of a request: JSON, or a multipart form if there is a file among them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, cast

from modelport.client.fitting import ARROW
from modelport.client.plain import is_file, json_of
from modelport.contract.table_forms import ENDINGS, form_of_file


@dataclass(frozen=True)
class Body:
    """What a request carries. Files are opened when it is sent, so that it can be sent again."""

    json: bytes | None = None
    fields: dict[str, str | list[str]] = field(default_factory=dict[str, "str | list[str]"])
    files: tuple[tuple[str, Any], ...] = ()
    rows: Path | None = None  # a file that is the whole of it
    media_type: str = ""

    @property
    def repeatable(self) -> bool:
        """False if it holds an open file that cannot be read a second time."""
        return all(_rewinds(_content(value)) for _, value in self.files)

    @property
    def has_arrow(self) -> bool:
        """True if a table travels as Arrow, which needs pyarrow on the server."""
        return any(type(value) is tuple and cast("Any", value)[-1] == ARROW for _, value in self.files)

    def options(self, opened: ExitStack) -> dict[str, Any]:
        """It as httpx's arguments; files that are opened for it close with `opened`. Raises `OSError`."""
        if self.rows is not None:
            file = opened.enter_context(self.rows.open("rb"))
            size = str(self.rows.stat().st_size)
            return {"content": file, "headers": {"content-type": self.media_type, "content-length": size}}
        if not self.files:
            headers = {"content-type": "application/json"} if self.json is not None else {}
            return {"content": self.json, "headers": headers}
        return {
            "data": self.fields,
            "files": [(name, _part(name, value, opened)) for name, value in self.files],
            "headers": {},
        }


def body_of_file(path: str | PathLike[str]) -> Body:
    """The body that a file of rows is. Raises `ValueError` for a name that does not say what it is."""
    rows = Path(path)
    form = form_of_file(rows)
    if form is None:
        raise ValueError(f"{rows}: the name of a table ends in one of {', '.join(ENDINGS)}")
    return Body(rows=rows, media_type=form.media_type)


def body_of(arguments: Mapping[str, Any]) -> Body:
    """The body for arguments. Raises `TypeError` or `ValueError` naming an argument that cannot be sent."""
    files: list[tuple[str, Any]] = []
    others: dict[str, Any] = {}
    for name, value in arguments.items():
        several = cast("list[Any]", value) if isinstance(value, list) else []
        if is_file(value):
            files.append((name, _binary(name, value)))
        elif several and all(is_file(item) for item in several):
            files.extend((name, _binary(name, item)) for item in several)
        else:
            others[name] = value
    if not files:
        parts = [f"{json.dumps(name)}:{json_of(name, value)}" for name, value in others.items()]
        return Body(json=f"{{{','.join(parts)}}}".encode())
    fields = {name: field_of(name, value) for name, value in others.items() if value is not None}
    return Body(fields=fields, files=tuple(files))


def _content(value: Any) -> Any:
    return cast("tuple[Any, ...]", value)[1] if isinstance(value, tuple) else value


def _rewinds(content: Any) -> bool:
    return not hasattr(content, "read") or (hasattr(content, "seekable") and content.seekable())


def _part(name: str, value: Any, opened: ExitStack) -> tuple[Any, ...]:
    """One file as httpx wants it: its name, its content and perhaps its media type."""
    content = _content(value)
    if isinstance(value, tuple):
        given, *rest = cast("tuple[Any, ...]", value)
        return (given, _readable(content, opened), *rest[1:])
    if isinstance(content, PathLike):
        return (Path(cast("PathLike[str]", content)).name, _readable(content, opened))
    own_name: Any = getattr(content, "name", None)
    return (Path(own_name).name if isinstance(own_name, str) else name, _readable(content, opened))


def _readable(content: Any, opened: ExitStack) -> Any:
    if isinstance(content, PathLike):
        return opened.enter_context(Path(cast("PathLike[str]", content)).open("rb"))
    if isinstance(content, (bytearray, memoryview)):
        return bytes(cast("bytearray", content))
    return content


def field_of(name: str, value: Any) -> str | list[str]:
    """An argument as form fields: a list of plain values as several, anything deeper as JSON."""
    if isinstance(value, str):
        return value
    text = json_of(name, value)
    found: Any = json.loads(text)
    items: list[Any] = cast("list[Any]", found) if isinstance(found, list) else []
    if items and all(isinstance(item, (str, int, float)) for item in items):
        return [item if isinstance(item, str) else json.dumps(item) for item in items]
    return found if isinstance(found, str) else text


def _binary(name: str, value: Any) -> Any:
    """A file; one that was opened as text as its bytes, which is what travels."""
    content = _content(value)
    if not isinstance(content, io.TextIOBase):
        return value
    if isinstance(value, tuple):
        given, _, *rest = cast("tuple[Any, ...]", value)
        return (given, content.read().encode(), *rest)
    own_name: Any = getattr(content, "name", None)
    return (Path(own_name).name if isinstance(own_name, str) else name, content.read().encode())
