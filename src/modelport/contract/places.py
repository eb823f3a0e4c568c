"""The places of a request where an argument may stand."""

from __future__ import annotations

from typing import Any

from modelport.contract.uploaded_file import UploadedFile

FormValue = str | UploadedFile


class Missing:
    """The type of `MISSING`: no value was sent (`None` is a value: JSON null)."""

    def __repr__(self) -> str:
        return "<missing>"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()


class Places:
    """A request's arguments by the place they came from, in the order of precedence of webargs 5.

    `query` and `form` keep every value of a repeated key; files stand in `form`. `json` is the parsed
    object of a JSON body, `raw_json` its bytes. `accept` is the Accept header.
    """

    __slots__ = ("accept", "form", "headers", "json", "query", "raw_json")

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

    def find(self, name: str, location: str = "any") -> tuple[str, Any]:
        """The first place that has `name`, and what it holds there.

        Returns `("query" | "form", [values])`, `("json" | "headers", value)` or `("", MISSING)`.
        """
        if location in ("any", "query") and name in self.query:
            return "query", self.query[name]
        if location in ("any", "form", "files") and name in self.form:
            return "form", self.form[name]
        if location in ("any", "json") and name in self.json:
            return "json", self.json[name]
        if location == "headers" and name.lower() in self.headers:
            return "headers", self.headers[name.lower()]
        return "", MISSING
