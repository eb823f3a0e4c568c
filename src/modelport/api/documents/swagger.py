"""Swagger 2.0, out of the signatures, in the shape that DEEPaaS's clients parse.

Two habits of DEEPaaS break Swagger's own rules and are kept, because clients read them: a mapping in the
query string is a parameter of `type: object`, and a nullable one may have `default: null`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from modelport.api.documents import arguments as wire
from modelport.api.documents.definitions import Definitions, Scope
from modelport.api.documents.dialects import calls_document
from modelport.api.documents.downgrade import downgraded
from modelport.api.documents.examples import body_example
from modelport.api.documents.listing import Served, resources
from modelport.api.documents.resource import Resource
from modelport.api.documents.resources import (
    ERRORS,
    ErrorAnswer,
    described_tags,
)
from modelport.api.documents.schemas import Schema, as_schema, cleaned, fits, plain
from modelport.contract.signature import JSON, Argument, Operation, Signature
from modelport.problems import PROBLEM_JSON

PREFIX = "#/definitions/"
MODEL_ANSWER = "ModelPredictionResponse"
MAX_ITEMS_DEPTH = 8
PARAMETER_KEYS = frozenset(
    {
        *("default", "description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "items"),
        *("maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "multipleOf", "pattern"),
        *("type", "uniqueItems", "x-nullable"),
    }
)


def swagger_document(signatures: Sequence[Signature], served: Served) -> dict[str, Any]:
    """The Swagger 2.0 document of a server with these models. Pure; the caller keeps the result."""
    listed = [
        one
        for one in resources(signatures, served)
        if one.method != "get" or one.operation is None  # DEEPaaS has no predictions by GET
    ]
    named = served.own_schemas(listed)
    definitions = Definitions(PREFIX)
    fixed = _scope(definitions, "modelport", named, widths=False)
    for name in fixed.local:
        fixed.reference(f"#/$defs/{name}")
    scopes = {
        s.name: _scope(definitions, s.name, s.definitions, widths=s.contract == "deepaas") for s in signatures
    }
    answers = _model_answers(signatures, definitions, scopes)
    schemes = served.security.of_swagger() if served.security is not None else {}
    paths: dict[str, Any] = {}
    for resource in listed:
        scope = scopes[resource.signature.name] if resource.signature else fixed
        paths.setdefault(resource.path, {})[resource.method] = _operation(resource, scope, answers)
        if resource.needs_key:
            paths[resource.path][resource.method]["security"] = [{name: []} for name in schemes]
    return {
        "swagger": "2.0",
        "info": served.info(),
        "paths": paths,
        "definitions": dict(sorted(definitions.schemas.items())),
        "responses": {error.name: _error(error) for error in served.errors()},
        **({"securityDefinitions": schemes} if schemes else {}),
        "tags": described_tags(resource.tag for resource in listed),
    }


def convert(schema: Any, scope: Scope, *, widths: bool) -> Schema:
    """A schema of a signature as a Schema Object of Swagger 2.0."""
    found = as_schema(schema)
    if isinstance(found, bool):
        return {}
    result = cleaned(found, scope.convert)
    if "$ref" in result:
        target = scope.reference(result.pop("$ref"))
        if target is not None:
            result["$ref"] = target
    return downgraded(result, widths=widths)


def _scope(definitions: Definitions, owner: str, local: dict[str, Any], *, widths: bool) -> Scope:
    return Scope(definitions, owner, local, partial(convert, widths=widths))


def _model_answers(
    signatures: Sequence[Signature], definitions: Definitions, scopes: dict[str, Scope]
) -> dict[str, str]:
    """The name of the definition of each model's answer. The first model that says has the plain name."""
    described = [s for s in signatures if s.predict.answer is not None]
    names: dict[str, str] = {}
    for signature in described:  # all are taken before any is made: a model may have such a name of its own
        names[signature.name] = definitions.free_name(MODEL_ANSWER, signature.name)
        definitions.schemas[names[signature.name]] = {}
    for signature in described:
        found, inner = scopes[signature.name].resolved(signature.predict.answer)
        schema = inner.convert(found)  # not a reference: clients read `properties` here
        definitions.schemas[names[signature.name]] = (
            calls_document().wrapped(schema) if signature.predict.wrapped else schema
        )
    return names


def _operation(resource: Resource, scope: Scope, answers: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "tags": [resource.tag],
        "summary": resource.summary,
        "operationId": resource.operation_id,
        "produces": sorted({media_type for _, media_type, _ in resource.answers.values() if media_type}),
        "parameters": [
            {"in": p.place, "name": p.name, "description": p.words, "required": p.place == "path", **p.schema}
            for p in resource.plain
        ],
    }
    if resource.description:
        result["description"] = resource.description
    if resource.body is not None:
        schema = {"$ref": PREFIX + resource.body}
        body = {"in": "body", "name": "body", "required": resource.needs_body, "schema": schema}
        result["parameters"].append(body)
        result["consumes"] = [JSON]
    if resource.file_types:
        schema = {"type": "string", "format": "binary"}
        result["parameters"].append({"in": "body", "name": "body", "required": True, "schema": schema})
        result["consumes"] = list(resource.file_types)
    responses: dict[str, Any] = {}
    for status, (words, media_type, name) in resource.answers.items():
        schema = {"schema": {"$ref": PREFIX + name}} if name else {}
        if media_type and not name:
            schema = {"schema": {"type": "string"}}
        responses[str(status)] = {"description": words} | schema
    if resource.operation is not None and resource.signature is not None:
        result["produces"] = _produces(resource.operation)
        widths = resource.signature.contract == "deepaas"
        parameters = _parameters(resource.operation, scope, widths=widths)
        result["parameters"] += parameters
        consumes = _consumes(parameters)
        if consumes:
            result["consumes"] = consumes
        if resource.succeeds:
            responses["200"] = _answer(resource.operation, answers.get(resource.signature.name))
    for status in resource.errors:
        responses.setdefault(str(status), {"$ref": f"#/responses/{ERRORS[status].name}"})
    result["responses"] = responses
    return result


def _produces(operation: Operation) -> list[str]:
    media_types = wire.answer_types(operation)
    chosen = any(a.kind == "accept" and a.schema.get("enum") for a in operation.arguments)
    return [*media_types, wire.ANYTHING] if chosen and wire.ANYTHING not in media_types else media_types


def _answer(operation: Operation, name: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"description": "The answer of the model"}
    kinds = wire.answer_types(operation)
    if not any(wire.is_json(kind) or kind == wire.ANYTHING for kind in kinds):
        return result | {"schema": {"type": "string", "format": "binary"}}
    if name is None and operation.wrapped:
        name = "Prediction"
    return result | ({"schema": {"$ref": PREFIX + name}} if name else {})


def _parameters(operation: Operation, scope: Scope, *, widths: bool) -> list[dict[str, Any]]:
    """Every argument once, as Swagger has it: in the query if it may stand there, else where it must.

    They have the order in which the model declares them, for clients that make a form of them. Swagger has
    no word for a cookie.
    """
    one = partial(_parameter, scope=scope, widths=widths)
    headers = [one(a, "header") for a in wire.in_headers(operation)]
    form = [one(a, "formData") for a in wire.in_form(operation) if wire.only_in_body(a)]
    # DEEPaaS's clients look for objects in the query string; no others could write them there.
    to_body = [] if widths or form else [a for a in wire.in_json(operation) if wire.is_deep(a.schema, scope)]
    query = [one(a, "query") for a in wire.in_query(operation) if a not in to_body]
    body = [a for a in wire.in_json(operation) if wire.only_in_body(a) or a in to_body]
    order = {argument.name: number for number, argument in enumerate(operation.arguments)}
    found = sorted([*form, *query, *headers], key=lambda parameter: order[parameter["name"]])
    # Swagger has either a form or a body; so has a request.
    return [*found, _body(body, scope)] if body and not form else found


def _parameter(argument: Argument, place: str, scope: Scope, *, widths: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"in": place, "name": argument.name, "required": argument.required}
    described = wire.described(argument)
    if argument.is_upload:
        result["type"] = "file"
        if argument.kind == "files":
            result["x-multiple"] = True  # Swagger 2.0 has no list of files
        words = described.get("description")
        return result | ({"description": words} if isinstance(words, str) and words else {})
    result |= _flat(described, scope, widths=widths)
    if widths and described.get("default") is not None:
        result["default"] = plain(described["default"])  # also one of another type: webargs takes it
    if result["type"] == "array" and place != "header":
        result["collectionFormat"] = "multi"
    return result


def _flat(schema: Any, scope: Scope, *, widths: bool, depth: int = 0) -> Schema:
    """A schema without references and inner schemas, as parameters outside the body have it."""
    found, inner = wire.without_null(schema, scope)
    nullable = wire.is_nullable(schema, scope)
    result = downgraded(cleaned(found, lambda _: {}), widths=widths)
    if nullable:
        result["x-nullable"] = True
        if found.get("default", ...) is None:
            result["default"] = None
    if "type" not in result:
        result["type"] = "object" if "properties" in found else _type_of_choices(result)
        if result.get("default") is not None and not fits(result["default"], result):
            del result["default"]
    if result["type"] == "array":
        deep = depth >= MAX_ITEMS_DEPTH  # a list of itself
        items = {} if deep else _flat(found.get("items", {}), inner, widths=widths, depth=depth + 1)
        result["items"] = {"type": "string"} | {k: v for k, v in items.items() if k != "description"}
    return {k: v for k, v in result.items() if k in PARAMETER_KEYS}


def _type_of_choices(schema: Schema) -> str:
    choices: list[Any] = schema.get("enum", [])
    if choices and all(isinstance(c, bool) for c in choices):
        return "boolean"
    if choices and all(isinstance(c, int) and not isinstance(c, bool) for c in choices):
        return "integer"
    if choices and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in choices):
        return "number"
    return "string"


def _body(arguments: list[Argument], scope: Scope) -> dict[str, Any]:
    schema: Schema = {
        "type": "object",
        "properties": {a.name: scope.convert(wire.described(a)) for a in arguments},
    }
    required = [a.name for a in arguments if a.required]
    if required:
        schema["required"] = required
    example = body_example(arguments, scope)
    if example is not None:
        schema["example"] = example
    return {"in": "body", "name": "body", "required": bool(required), "schema": schema}


def _consumes(parameters: list[dict[str, Any]]) -> list[str]:
    places = {p["in"] for p in parameters}
    if "body" in places:
        return [JSON]
    if any(p.get("type") == "file" for p in parameters):
        return [wire.MULTIPART]
    if "formData" in places:
        return [wire.URLENCODED, wire.MULTIPART]
    return [JSON, wire.URLENCODED, wire.MULTIPART] if parameters else []


def _error(error: ErrorAnswer) -> dict[str, Any]:
    name = "ArgumentErrors" if error.status == 422 else "Failure"
    result: dict[str, Any] = {"description": error.words, "schema": {"$ref": PREFIX + name}}
    if error.status != 422:
        result["examples"] = {PROBLEM_JSON: {"title": error.name, "status": error.status}}
    if error.headers:
        result["headers"] = {
            header: {"type": schema["type"], "description": words}
            for header, (words, schema) in error.headers.items()
        }
    return result
