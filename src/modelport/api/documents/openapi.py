"""OpenAPI 3.1, out of the signatures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from modelport.api.documents import arguments as wire
from modelport.api.documents.definitions import Definitions, Scope
from modelport.api.documents.dialects import calls_document
from modelport.api.documents.examples import body_example
from modelport.api.documents.listing import Served, implemented, resources
from modelport.api.documents.resource import AS_JOB, Resource
from modelport.api.documents.resources import (
    ERRORS,
    ErrorAnswer,
    described_tags,
)
from modelport.api.documents.schemas import Schema, as_schema, cleaned, plain
from modelport.api.endpoints.parameters import PREFER, SUBMIT
from modelport.api.endpoints.row import Parameter
from modelport.contract.signature import JSON, Argument, Operation, Signature
from modelport.problems import PROBLEM_JSON

PREFIX = "#/components/schemas/"
TABLE_FILE: Schema = {
    "type": "string",
    "format": "binary",
    "description": "A table: CSV, Parquet or Arrow. As text: CSV or JSON.",
}
EVENTS = "text/event-stream"


def openapi_document(signatures: Sequence[Signature], served: Served) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a server with these models. Pure; the caller keeps the result."""
    listed = implemented(resources(signatures, served))
    named = served.own_schemas(listed)
    definitions = Definitions(PREFIX)
    fixed = Scope(definitions, "modelport", named, convert)
    for name in fixed.local:
        fixed.reference(f"#/$defs/{name}")
    schemes = served.security.of_openapi() if served.security is not None else {}
    paths: dict[str, Any] = {}
    for resource in listed:
        scope = fixed
        if resource.signature is not None:
            scope = Scope(definitions, resource.signature.name, resource.signature.definitions, convert)
        paths.setdefault(resource.path, {})[resource.method] = _operation(resource, scope, schemes)
    return {
        "openapi": "3.1.0",
        "info": served.info(),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(definitions.schemas.items())),
            "responses": {error.name: _error(error) for error in served.errors()},
            **({"securitySchemes": schemes} if schemes else {}),
        },
        "tags": described_tags(resource.tag for resource in listed),
    }


def convert(schema: Any, scope: Scope) -> Schema:
    """A schema of a signature as it stands in the document: same dialect, references moved."""
    found = as_schema(schema)
    if isinstance(found, bool):
        return {} if found else {"not": {}}
    result = cleaned(found, scope.convert)
    if "$ref" in result:
        target = scope.reference(result.pop("$ref"))
        if target is not None:
            result["$ref"] = target
    discriminator = as_schema(result.get("discriminator", {}))
    if "discriminator" in result and not isinstance(discriminator, bool):
        mapping = as_schema(discriminator.get("mapping", {}))
        moved = {k: scope.reference(str(v)) for k, v in mapping.items()} if isinstance(mapping, dict) else {}
        if not all(moved.values()):
            del result["discriminator"]
        elif moved:
            result["discriminator"] = discriminator | {"mapping": moved}
    return result


def _operation(resource: Resource, scope: Scope, schemes: Iterable[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "tags": [resource.tag],
        "summary": resource.summary,
        "operationId": resource.operation_id,
    }
    if resource.description:
        result["description"] = resource.description
    own = [*resource.plain, *((PREFER, *SUBMIT) if resource.may_be_job else ())]
    result["parameters"] = [_plain_parameter(plain) for plain in own]
    if resource.body is not None:
        schema = {"$ref": PREFIX + resource.body}
        kinds = (JSON, wire.URLENCODED) if resource.takes_form else (JSON,)
        content = {kind: {"schema": schema} for kind in kinds}
        result["requestBody"] = {"required": resource.needs_body, "content": content}
    if resource.file_types:
        content = {kind: _bytes_of(kind) for kind in resource.file_types}
        result["requestBody"] = {"required": True, "content": content}
    responses = {str(status): answer for status, answer in _successes(resource, scope)}
    for status in resource.errors:
        answered = responses.get(str(status))
        responses[str(status)] = (
            {"$ref": f"#/components/responses/{ERRORS[status].name}"}
            if answered is None
            else _either(answered, _error(ERRORS[status]))
        )
    if resource.operation is not None and resource.signature is not None:
        by_get = resource.method == "get"
        result["parameters"] += _parameters(resource.operation, resource.signature, scope, only=by_get)
        body = _request_body(resource.operation, resource.signature, scope)
        if body and not by_get:
            result["requestBody"] = body
    if not result["parameters"]:
        del result["parameters"]
    result["responses"] = responses
    if resource.needs_key:
        result["security"] = [{name: []} for name in schemes]
    return result


def _plain_parameter(plain: Parameter) -> dict[str, Any]:
    result: dict[str, Any] = {"name": plain.name, "in": plain.place, "description": plain.words}
    result["required"] = plain.place == "path"
    if plain.place == "query" and plain.schema.get("type") in ("boolean", "integer"):
        result["allowEmptyValue"] = True  # a flag needs no value, and a number without one is not set
    return result | {"schema": plain.schema}


def _successes(resource: Resource, scope: Scope) -> Iterable[tuple[int, dict[str, Any]]]:
    answers = resource.answers | ({202: AS_JOB} if resource.may_be_job else {})
    for status, (words, media_type, name) in answers.items():
        content: dict[str, Any] = {}
        if media_type is not None:
            content = {
                "content": {
                    media_type: {"schema": {"$ref": PREFIX + name}} if name else _bytes_of(media_type)
                }
            }
        for kind in resource.texts if status == 200 else ():
            content["content"][kind] = _bytes_of(kind)
        yield status, {"description": words} | content
    if resource.succeeds and resource.operation is not None:
        yield 200, _answer(resource.operation, scope)


def _answer(operation: Operation, scope: Scope) -> dict[str, Any]:
    media_types = wire.answer_types(operation)
    if wire.ANYTHING in media_types and not any(map(wire.is_json, media_types)):
        media_types = [JSON, *media_types]  # a model that can answer anything can answer data
    words = (
        "The answer of the model, streamed as it comes" if operation.streams else "The answer of the model"
    )
    content = {kind: _media(kind, operation, scope) for kind in media_types}
    if operation.is_listable:
        content[JSON] = {"schema": {"type": "array", "items": {}}}
    return {"description": words, "content": content}


def _media(kind: str, operation: Operation, scope: Scope) -> dict[str, Any]:
    if wire.is_json(kind):
        if operation.answer is None:
            return {"schema": {"$ref": f"{PREFIX}Prediction"} if operation.wrapped else {}}
        schema = scope.convert(operation.answer)
        return {"schema": calls_document().wrapped(schema) if operation.wrapped else schema}
    return _bytes_of(kind)


def _bytes_of(kind: str) -> dict[str, Any]:
    """The content of an answer that is no JSON. Of events a schema would tell each one, as data."""
    if kind in (wire.ANYTHING, EVENTS):
        return {}
    return {
        "schema": {"type": "string"} if kind.startswith("text/") else {"type": "string", "format": "binary"}
    }


def _parameters(
    operation: Operation, signature: Signature, scope: Scope, *, only: bool
) -> list[dict[str, Any]]:
    """The arguments outside the body; `only` says that there is no other place."""
    found = [
        _parameter(a, "query", scope) | ({"required": a.required} if only else {})
        for a in wire.in_query(operation)
        if wire.takes_text(a, signature, scope)
    ]
    found += [_parameter(a, "header", scope) for a in wire.in_headers(operation)]
    return found + [_parameter(a, "cookie", scope) for a in wire.in_cookies(operation)]


def _parameter(argument: Argument, place: str, scope: Scope) -> dict[str, Any]:
    described = wire.described(argument)
    nested = wire.is_object(described, scope)
    schema = scope.convert(described)
    words = schema.pop("description", "")
    if argument.delimiter is not None:
        words = f"{words} (or as one string, separated by {argument.delimiter!r})".strip()
    if "default" in described and (argument.location == "any" or "default" not in schema):
        # A page that fills in defaults would send this one, and the query string wins over the body; and
        # webargs takes a default of another type, which a schema cannot have.
        default = plain(schema.pop("default", described["default"]))
        words = f"{words} (default: {json.dumps(default, ensure_ascii=False)})".strip()
    result: dict[str, Any] = {"name": argument.name, "in": place}
    if words:
        result["description"] = words
    # One that may stand elsewhere too is not required here.
    result["required"] = argument.required and argument.location != "any"
    if nested:
        return result | {"content": {JSON: {"schema": schema}}}
    return result | {"schema": schema}


def _request_body(operation: Operation, signature: Signature, scope: Scope) -> dict[str, Any] | None:
    form = [a for a in wire.in_form(operation) if a.is_upload or wire.takes_text(a, signature, scope)]
    fields = [a for a in form if not a.is_upload and a.location != "files"]
    held = {JSON: wire.in_json(operation), wire.URLENCODED: fields, wire.MULTIPART: form}
    if any(a.is_upload and a.required for a in operation.arguments):  # pages show the first one
        held = {wire.MULTIPART: form, **held}
    # A page fills in all that stands in a body, and `accept` there wins over the header that the page offers.
    held = {kind: [a for a in several if not _is_header_too(a)] for kind, several in held.items()}
    needed = {a.name for a in operation.arguments if a.required and wire.only_in_body(a)}
    content = {
        kind: {"schema": _with_example(_body_schema(arguments, kind, scope), kind, arguments, scope)}
        for kind, arguments in held.items()
        if arguments and needed <= {a.name for a in arguments}  # a body without a needed file is of no use
    }
    bare = wire.bare_type(operation)
    if bare is not None:
        content[bare] = {"schema": {"type": "string", "format": "binary"}}
    if not content:
        return None
    return {"required": bool(needed), "content": content}


def _body_schema(arguments: list[Argument], kind: str, scope: Scope) -> Schema:
    describe = wire.described_in_json if kind == JSON else wire.described
    properties: dict[str, Schema] = {}
    for argument in arguments:
        described = describe(argument)
        if kind == wire.MULTIPART and wire.is_table(argument):
            described = TABLE_FILE  # a page offers to choose a file
        properties[argument.name] = scope.convert(described)
    result: Schema = {"type": "object", "properties": properties}
    required = [a.name for a in arguments if a.required]
    if required:
        result["required"] = required
    return result


def _is_header_too(argument: Argument) -> bool:
    return argument.kind == "accept" and argument.location == "any" and not argument.required


def _with_example(schema: Schema, kind: str, arguments: list[Argument], scope: Scope) -> Schema:
    example = body_example(arguments, scope) if kind == JSON else None
    return schema | ({"examples": [example]} if example is not None else {})


def _either(answered: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    """A status that a resource answers in a shape of its own, and a connection with a problem."""
    return error | answered | {"content": error["content"] | answered.get("content", {})}


def _error(error: ErrorAnswer) -> dict[str, Any]:
    content: dict[str, Any] = {PROBLEM_JSON: {"schema": {"$ref": f"{PREFIX}Failure"}}}
    field_map = {JSON: {"schema": {"$ref": f"{PREFIX}ArgumentErrors"}}}
    if error.status == 422:  # arguments of models, or what the server itself was asked
        content = field_map | content
    elif error.status == 400:
        content |= field_map  # a malformed JSON body: {"json": ["Invalid JSON body."]}
    result: dict[str, Any] = {"description": error.words, "content": content}
    if error.headers:
        result["headers"] = {
            name: {"description": words, "schema": plain(schema)}
            for name, (words, schema) in error.headers.items()
        }
    return result
