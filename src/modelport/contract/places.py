"""The places of a request where an argument may stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from modelport.contract.arrays.sent_table import Table
from modelport.contract.errors import ModelportError
from modelport.contract.uploaded_file import UploadedFile

FormValue = str | UploadedFile


class Missing:
    """The type of `MISSING`: no value was sent (`None` is a value: JSON null)."""

    def __repr__(self) -> str:
        return "<missing>"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()


class Body(NamedTuple):
    """A request's body that is neither JSON nor a form; a large one lies in the file `path`.

    `table` are the rows that were read of it, where somebody has done that already.
    """

    media_type: str
    content: bytes = b""
    path: str = ""
    table: Table | None = None

    def size(self) -> int:
        """Its length in bytes."""
        return Path(self.path).stat().st_size if self.path else len(self.content)

    def head(self, size: int) -> bytes:
        """Its first bytes."""
        if not self.path:
            return self.content[:size]
        with Path(self.path).open("rb") as file:
            return file.read(size)

    def read(self) -> bytes:
        """All of it."""
        return Path(self.path).read_bytes() if self.path else self.content


class Places:
    """A request's arguments by the place they came from, in the order of precedence of webargs 5.

    `query` and `form` keep every value of a repeated key; files stand in `form`. `json` is the parsed
    object of a JSON body, `raw_json` its bytes, `body` a body of another kind. `headers` are those that
    the model asks for, a repeated one in lines; `accept` is the Accept header.
    `unread` is what is wrong with a body that gives no arguments; who can read it all the same takes it away.
    `unread_last` says that errors of arguments are told before it.
    `lenient` requests come by an API that passes over what it does not know, and reads text as numbers.
    `ignored` gets the words on each part of the request that was read as if it were not there.
    `is_python` says that `json` has values of another model, which JSON may have no form for, such as arrays.
    `request` is all of one whose dialect needs the model's own names to find arguments in it.
    """

    __slots__ = (
        "accept", "body", "form", "headers", "ignored", "is_python", "json", "lenient", "query", "raw_json",
        "request", "unread", "unread_last",
    )  # fmt: skip

    def __init__(
        self,
        query: dict[str, list[str]] | None = None,
        form: dict[str, list[FormValue]] | None = None,
        json: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        accept: str | None = None,
        raw_json: bytes | None = None,
    ):
        self.query = query or {}
        self.form = form or {}
        self.json = json or {}
        self.headers = headers or {}
        self.accept = accept
        self.raw_json = raw_json
        self.body: Body | None = None
        self.unread: ModelportError | None = None
        self.unread_last = False
        self.lenient = False
        self.is_python = False
        self.request: Any = None
        self.ignored: list[str] = []

    def refuse_unread(self) -> None:
        """Raise what is wrong with a body that was sent and is not read; nothing if there is none."""
        if self.unread is not None:
            raise self.unread

    def find(self, name: str, location: str = "any") -> tuple[str, Any]:
        """The first place that has `name`, and what it holds there.

        Returns `("query" | "form" | "headers" | "cookies", [values])`, `("json", value)` or `("", MISSING)`.
        """
        if location in ("any", "query") and name in self.query:
            return "query", self.query[name]
        if location in ("any", "form", "files") and name in self.form:
            return "form", self.form[name]
        if location in ("any", "json") and name in self.json:
            return "json", self.json[name]
        if location == "headers" and name.lower() in self.headers:
            return "headers", self.headers[name.lower()].split("\n")
        if location == "cookies" and "cookie" in self.headers:
            values = cookies(self.headers["cookie"]).get(name)
            return ("cookies", values) if values else ("", MISSING)
        return "", MISSING


def cookies(header: str) -> dict[str, list[str]]:
    """The values of each cookie of a Cookie header (RFC 6265, 5.4), which may have come in several lines."""
    found: dict[str, list[str]] = {}
    for pair in header.replace("\n", ";").split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals:
            found.setdefault(name.strip(), []).append(value.strip().strip('"'))
    return found
