"""Which arguments may stand where: the part of the wire that both documents must agree on."""

from __future__ import annotations

from typing import Any, cast

from modelport.api.documents.definitions import Scope
from modelport.api.documents.schemas import Schema, types_of
from modelport.contract.media_types import SEEN_OR_HEARD
from modelport.contract.signature import JSON, Argument, Operation, Signature

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
ANYTHING = "*/*"
ANY_FILE = "application/octet-stream"
MAX_NULLABLE_DEPTH = 8


def described(argument: Argument) -> Schema:
    """The argument's schema, completed by what its kind means on the wire."""
    schema = dict(argument.schema)
    if argument.kind == "accept" and isinstance(schema.get("enum"), list):
        choices = cast("list[Any]", schema["enum"])
        # Without a header the first choice is answered, and a client that takes anything may say so.
        schema.setdefault("default", choices[0] if choices else ANYTHING)
        schema["enum"] = choices if ANYTHING in choices else [*choices, ANYTHING]
    if argument.kind == "file":
        schema = {"type": "string", "format": "binary"} | {k: v for k, v in schema.items() if k != "default"}
    if argument.kind == "files":
        schema.pop("default", None)
        schema = {"type": "array", **schema, "items": {"type": "string", "format": "binary"}}
    return schema


def described_in_json(argument: Argument) -> Schema:
    """The same for a JSON body, where files are base64."""
    schema = described(argument)
    if not argument.is_upload:
        return schema
    inline = {"type": "string", "contentEncoding": "base64"}
    for key in ("format", "anyOf"):  # of binary, or null
        schema.pop(key, None)
    words = f"{schema.get('description', '')} (base64, or a data: URI)".strip()
    if argument.kind == "file":
        return schema | inline | {"description": words}
    return schema | {"items": inline, "description": words}


def bare_type(operation: Operation) -> str | None:
    """The media type of a body that is a file as it is; `None` if there is no such body.

    The arguments beside it stand in the query string.
    """
    sole = operation.sole_file
    if sole is None or any(a.required and only_in_body(a) for a in operation.arguments if a is not sole):
        return None
    if not sole.is_upload:
        return "text/csv"
    branches = [cast("Schema", one) for one in _branches(sole.schema, "anyOf") if isinstance(one, dict)]
    said: list[Any] = [schema.get("contentMediaType") for schema in (sole.schema, *branches)]
    found = next((media for media in said if isinstance(media, str)), ANY_FILE)
    return found if sole.required or found.partition("/")[0] in SEEN_OR_HEARD else None


def in_query(operation: Operation) -> list[Argument]:
    """The arguments that the query string may hold."""
    return [a for a in operation.arguments if a.location in ("any", "query") and not a.is_upload]


def in_headers(operation: Operation) -> list[Argument]:
    return [a for a in operation.arguments if a.location == "headers" and not a.is_upload]


def in_cookies(operation: Operation) -> list[Argument]:
    return [a for a in operation.arguments if a.location == "cookies" and not a.is_upload]


def in_json(operation: Operation) -> list[Argument]:
    return [
        a
        for a in operation.arguments
        if (operation.takes_base64 if a.is_upload else a.location in ("any", "json"))
    ]


def in_form(operation: Operation) -> list[Argument]:
    """The arguments that a form may hold; those that are uploads, a multipart form only."""
    return [a for a in operation.arguments if a.location in ("any", "form", "files") or a.is_upload]


def fits_query(operation: Operation) -> bool:
    """Whether a GET can ask for it: it streams, and the query string can hold what it needs."""
    return operation.streams and not any(a.required and only_in_body(a) for a in operation.arguments)


def only_in_body(argument: Argument) -> bool:
    return argument.is_upload or argument.location in ("form", "json", "files")


def takes_text(argument: Argument, signature: Signature, scope: Scope) -> bool:
    """Whether the argument can be written as text, in a query string or a form.

    webargs has no way to read a mapping from text; it takes one from a JSON body only.
    """
    return signature.contract != "deepaas" or not is_object(argument.schema, scope)


def is_table(argument: Argument) -> bool:
    """Whether the argument is rows, which come as a file, too."""
    return argument.schema.get("format") == "table"


def is_object(schema: Any, scope: Scope) -> bool:
    """Whether a value must be an object (or null)."""
    found, _ = without_null(schema, scope)
    return types_of(found) == ["object"] or (not types_of(found) and "properties" in found)


def is_deep(schema: Any, scope: Scope) -> bool:
    """Whether a value must be an object, or a list of objects."""
    found, inner = without_null(schema, scope)
    return is_object(schema, scope) or (types_of(found) == ["array"] and is_object(found.get("items"), inner))


def without_null(schema: Any, scope: Scope) -> tuple[Schema, Scope]:
    """A schema with its references resolved and null taken out, and the scope to read it in."""
    for _ in range(MAX_NULLABLE_DEPTH):
        found, scope = scope.resolved(schema)
        if isinstance(found, bool):
            return {}, scope
        only = _only_branch(found)
        if only is None:
            types = [name for name in types_of(found) if name != "null"]
            return found | ({"type": types if len(types) > 1 else types[0]} if types else {}), scope
        words = {k: v for k, v in found.items() if k not in ("anyOf", "oneOf", "allOf")}
        branch, scope = scope.resolved(only)
        schema = {} if isinstance(branch, bool) else branch | words
    return {}, scope


def _only_branch(schema: Schema) -> Any:
    """The one alternative of a schema that is not null, if there is just one."""
    for key in ("anyOf", "oneOf", "allOf"):
        real = [b for b in _branches(schema, key) if not _is_null(b)]
        if len(real) == 1:
            return real[0]
    return None


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and types_of(cast("Schema", schema)) == ["null"]


def answer_types(operation: Operation) -> list[str]:
    """The media types of an answer, the default first."""
    return list(dict.fromkeys(operation.media_types)) or [JSON]


def is_json(media_type: str) -> bool:
    kind = media_type.split(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def is_nullable(schema: Any, scope: Scope) -> bool:
    """Whether null is a value, by a type or by an alternative."""
    for _ in range(MAX_NULLABLE_DEPTH):
        found, scope = scope.resolved(schema)
        if isinstance(found, bool):
            return False
        branches = [b for key in ("anyOf", "oneOf") for b in _branches(found, key)]
        if "null" in types_of(found) or any(map(_is_null, branches)):
            return True
        schema = _only_branch(found)
        if schema is None:
            return False
    return False


def _branches(schema: Schema, key: str) -> list[Any]:
    found: Any = schema.get(key)
    return cast("list[Any]", found) if isinstance(found, list) else []
