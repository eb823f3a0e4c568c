"""Whatever models say of themselves, their documents are valid."""

from __future__ import annotations

from typing import Any

from documents_made import (
    JSON,
    errors_of,
    openapi,
    swagger,
    without_habits,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelport.contract.signature import Argument, Operation, Signature

NAMES = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=8)
DEFINED = ("One", "Prediction", "Un·named")
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in (*DEFINED, "missing")]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number", ["integer", "null"], "file", ["number", "string"]])},
        optional={
            "minimum": st.floats(),
            "exclusiveMaximum": st.integers(),
            "multipleOf": st.integers(-1, 3),
            "default": st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=2)),
            "description": st.one_of(st.text(max_size=5), st.integers()),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", ["string", "null"], "null"])},
        optional={
            "enum": st.lists(
                st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.integers()), max_size=4
            ),
            "const": st.text(max_size=2),
            "minLength": st.integers(-1, 3),
            "maxLength": st.floats(),
            "examples": st.lists(st.text(max_size=2), max_size=2),
            "default": st.one_of(st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=1)),
        },
    ),
)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arrays = {"type": st.just("array"), "items": inner}
    objects = {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=2)}
    return st.one_of(
        st.fixed_dictionaries(arrays, optional={"minItems": st.integers(0, 2), "uniqueItems": st.booleans()}),
        st.fixed_dictionaries(objects, optional={"additionalProperties": inner, "required": st.lists(NAMES)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries(
            {"anyOf": st.tuples(inner, st.just({"type": "null"})).map(list), "default": st.none()}
        ),
        st.fixed_dictionaries({"allOf": st.lists(inner, max_size=2), "not": inner}),
        st.fixed_dictionaries({"prefixItems": st.lists(inner, max_size=2), "items": st.booleans()}),
        st.fixed_dictionaries({"patternProperties": st.dictionaries(st.just("^a"), inner), "if": inner}),
        st.fixed_dictionaries({"$defs": st.dictionaries(st.sampled_from(DEFINED), inner), "items": inner}),
    )


SCHEMAS = st.recursive(LEAVES, _deeper, max_leaves=4).map(lambda s: s if isinstance(s, dict) else {"not": s})
SIGNATURES = st.builds(
    Signature,
    name=NAMES,
    contract=st.sampled_from(["deepaas", "typed"]),
    metadata=st.dictionaries(st.sampled_from(["name", "description"]), st.one_of(st.none(), st.text())),
    predict=st.builds(
        Operation,
        implemented=st.booleans(),
        arguments=st.lists(
            st.builds(
                Argument,
                name=NAMES,
                schema=SCHEMAS,
                required=st.booleans(),
                kind=st.sampled_from(["value", "value", "file", "files", "accept"]),
                location=st.sampled_from(["any", "any", "query", "form", "json", "headers", "files"]),
                delimiter=st.sampled_from([None, None, ","]),
            ),
            max_size=4,
            unique_by=lambda a: a.name,
        ),
        answer=st.one_of(st.none(), SCHEMAS),
        wrapped=st.booleans(),
        media_types=st.lists(st.sampled_from([JSON, "*/*", "image/png", "text/event-stream"]), max_size=3),
        streams=st.booleans(),
    ),
    # A definition may hold itself, but only inside an object: otherwise it never ends.
    definitions=st.dictionaries(
        st.sampled_from(DEFINED),
        SCHEMAS.map(lambda s: {"type": "object", "properties": {"p": s}}),
        max_size=2,
    ),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SIGNATURES, max_size=2, unique_by=lambda s: s.name), st.booleans())
def test_any_signature_gives_valid_documents(signatures: list[Signature], predict: bool) -> None:
    assert errors_of(openapi(*signatures, predict=predict)) == []
    assert errors_of(without_habits(swagger(*signatures, predict=predict))) == []
