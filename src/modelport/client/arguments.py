"""From Python values to the body of a request: JSON, or a multipart form if there is a file among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

FILE_PARTS = (2, 3)  # (name, content) and (name, content, media type)


@dataclass(frozen=True)
class Body:
    """What a request carries. Files are opened when it is sent, so that it can be sent again."""

    json: bytes | None = None
    fields: dict[str, str | list[str]] = field(default_factory=dict[str, "str | list[str]"])
    files: tuple[tuple[str, Any], ...] = ()

    @property
    def repeatable(self) -> bool:
        """False if it holds an open file that cannot be read a second time."""
        return all(_rewinds(_content(value)) for _, value in self.files)

    def options(self, opened: ExitStack) -> dict[str, Any]:
        """It as httpx's arguments; files that are opened for it close with `opened`. Raises `OSError`."""
        if not self.files:
            headers = {"content-type": "application/json"} if self.json is not None else {}
            return {"content": self.json, "headers": headers}
        return {
            "data": self.fields,
            "files": [(name, _part(name, value, opened)) for name, value in self.files],
            "headers": {},
        }


def body_of(arguments: Mapping[str, Any]) -> Body:
    """The body for arguments. Raises `TypeError` or `ValueError` naming an argument that cannot be sent."""
    files: list[tuple[str, Any]] = []
    others: dict[str, Any] = {}
    for name, value in arguments.items():
        several = cast("list[Any]", value) if isinstance(value, list) else []
        if is_file(value):
            files.append((name, cast("Any", value)))
        elif several and all(is_file(item) for item in several):
            files.extend((name, item) for item in several)
        else:
            others[name] = value
    if not files:
        parts = [f"{json.dumps(name)}:{_json(name, value)}" for name, value in others.items()]
        return Body(json=f"{{{','.join(parts)}}}".encode())
    fields = {name: _field(name, value) for name, value in others.items() if value is not None}
    return Body(fields=fields, files=tuple(files))


def is_file(value: Any) -> bool:
    """True for what is sent as a file: a path, an open file, bytes, or `(name, content[, media type])`."""
    if isinstance(value, (bytes, bytearray, memoryview, Path)) or hasattr(value, "read"):
        return True
    if not isinstance(value, tuple):
        return False
    parts = cast("tuple[Any, ...]", value)
    return len(parts) in FILE_PARTS and isinstance(parts[0], str) and is_file(parts[1])


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
    if isinstance(content, Path):
        return (content.name, _readable(content, opened))
    own_name: Any = getattr(content, "name", None)
    return (Path(own_name).name if isinstance(own_name, str) else name, _readable(content, opened))


def _readable(content: Any, opened: ExitStack) -> Any:
    if isinstance(content, Path):
        return opened.enter_context(content.open("rb"))
    if isinstance(content, (bytearray, memoryview)):
        return bytes(cast("bytearray", content))
    return content


def _field(name: str, value: Any) -> str | list[str]:
    """An argument as form fields: a list of plain values as several, anything deeper as JSON."""
    if isinstance(value, (list, tuple)) and value:
        items = cast("list[Any]", value)
        if all(isinstance(item, (str, int, float)) for item in items):
            return [_text(name, item) for item in items]
    return _text(name, value)


def _text(name: str, value: Any) -> str:
    return value if isinstance(value, str) else _json(name, value).strip('"')


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise type(error)(f"argument {name!r} cannot be sent as JSON: {error}") from None


def _plain(value: Any) -> Any:
    """What JSON does not know by itself: arrays, times, and whatever else has a natural text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return list(cast("set[Any]", value))
    if type(value).__name__ in ("UUID", "Decimal"):
        return str(value)
    if is_file(value):
        raise TypeError("a file has to be an argument of its own, or all of a list")
    raise TypeError(f"{type(value).__name__} is no JSON")
