"""Requests out of an API document: what it allows, and now and then something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

JSON = "application/json"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SEGMENTS = TEXT.filter(lambda text: text not in ("", ".", ".."))
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=3,
)
OF_FORMATS: dict[str, st.SearchStrategy[Any]] = {
    "date-time": st.datetimes().map(lambda time: time.isoformat() + "Z"),
    "uri": st.sampled_from(["https://example.org/hook", "http://127.0.0.1/", "ftp://example.org"]),
    "binary": st.binary(max_size=20),
}


class Operation(NamedTuple):
    """One method on one path, and the document that it stands in."""

    document: Mapping[str, Any]
    method: str
    path: str

    def __repr__(self) -> str:  # of a strategy that draws from operations: the whole document would be in it
        return f"{self.method} {self.path}"

    @property
    def described(self) -> Mapping[str, Any]:
        return self.document["paths"][self.path][self.method]

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self.described.get("parameters", ()) if one["in"] == place]

    def answers(self, status: int) -> Mapping[str, Any] | None:
        """What the document tells of a status; `None` if it tells nothing."""
        found = self.described["responses"].get(str(status))
        if found is not None and "$ref" in found:
            found = self.document["components"]["responses"][found["$ref"].rpartition("/")[2]]
        return found


def operations_of(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation, those that remove something last."""
    found = [Operation(document, method, path) for path, one in document["paths"].items() for method in one]
    return sorted(found, key=lambda one: one.method == "delete" or one.path.endswith("/unload"))


@st.composite
def requests(draw: st.DrawFn, operation: Operation, known: Mapping[str, list[str]]) -> dict[str, Any]:
    """The arguments of a request. `known` has values of parameters of paths that there really are."""
    url = operation.path
    for parameter in operation.parameters("path"):
        is_known = draw(st.integers(0, 3)) > 0
        value = draw(st.sampled_from(known[parameter["name"]]) if is_known else SEGMENTS)
        url = url.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
    request: dict[str, Any] = {"method": operation.method, "url": url, "params": [], "headers": {}}
    for parameter in operation.parameters("query"):
        if parameter["required"] or draw(st.booleans()):
            request["params"] += _texts(parameter["name"], draw(_sent(parameter["schema"], operation)))
    for parameter in operation.parameters("header"):
        if draw(st.booleans()):
            value = _text(draw(_sent(parameter["schema"], operation)))
            request["headers"][parameter["name"]] = "".join(filter(_may_be_in_a_header, value)).strip()
    body = operation.described.get("requestBody")
    if body is not None and (body["required"] or draw(st.booleans())):
        media, content = draw(st.sampled_from(sorted(body["content"].items())))
        sent = _body(media, draw(_sent(content["schema"], operation)))
        request["headers"] |= sent.pop("headers", {})
        request |= sent
    return request


def _sent(schema: Mapping[str, Any], operation: Operation) -> st.SearchStrategy[Any]:
    """Five times of six what fits."""
    fits = valid(schema, operation.document)
    return st.integers(0, 5).flatmap(lambda number: fits if number else ANYTHING)


def valid(schema: Mapping[str, Any], document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema, as far as the keywords go that our documents use."""
    if "$ref" in schema:
        return st.deferred(
            lambda: valid(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
        )
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return st.one_of([valid(one, document) for one in schema[key]])
    kinds = schema.get("type", [])
    if isinstance(kinds, list) and kinds:
        return st.one_of([valid({**schema, "type": kind}, document) for kind in kinds])
    if kinds == "object":
        return _objects(schema, document)
    if kinds == "array":
        return st.lists(valid(schema.get("items", {}), document), max_size=schema.get("maxItems", 3))
    return _plain(schema, str(kinds))


def _plain(schema: Mapping[str, Any], kind: str) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if kind == "integer":
        return st.integers(least, most)
    if kind == "number":
        open_below = schema.get("exclusiveMinimum")
        return st.floats(
            open_below if open_below is not None else least,
            most,
            exclude_min=open_below is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    if kind == "string":
        if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
        return OF_FORMATS.get(schema.get("format", ""), TEXT)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind, ANYTHING)


def _objects(schema: Mapping[str, Any], document: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    named = {name: valid(one, document) for name, one in schema.get("properties", {}).items()}
    needed = {name: named.pop(name) for name in schema.get("required", ()) if name in named}
    found = st.fixed_dictionaries(needed, optional=named)
    more = schema.get("additionalProperties")
    if named or needed or not isinstance(more, dict):
        return found
    return st.dictionaries(st.sampled_from(["0", "1", "live", "other"]), valid(more, document), max_size=2)


def _body(media: str, value: Any) -> dict[str, Any]:
    if media == JSON:
        return {"json": value}
    if media == "multipart/form-data" and isinstance(value, dict):
        return {"files": [(name, _part(one)) for name, several in value.items() for one in _several(several)]}
    if media == "application/x-www-form-urlencoded" and isinstance(value, dict):
        return {"data": {name: [_text(one) for one in _several(several)] for name, several in value.items()}}
    content = value if isinstance(value, bytes) else _text(value).encode()
    return {"content": content, "headers": {"content-type": media}}


def _part(value: Any) -> tuple[str | None, bytes]:
    return ("file.bin", value) if isinstance(value, bytes) else (None, _text(value).encode())


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(name: str, value: Any) -> list[tuple[str, str]]:
    return [(name, _text(one)) for one in _several(value)]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else json.dumps(value)


def _may_be_in_a_header(character: str) -> bool:
    return " " <= character <= "~"
