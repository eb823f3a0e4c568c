"""Whether JSON fits a schema: as a library of others says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from modelport.dialects.openai.json_schemas import schema_of

NAMES = st.sampled_from(["a", "b", "~/"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, -2.0])
    | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
OWN: dict[str, st.SearchStrategy[Any]] = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "required": st.lists(NAMES, max_size=2, unique=True),
    "uniqueItems": st.booleans(),
    "pattern": st.sampled_from(["a", "^a", "b$", "^[ab]{2}$"]),
    "multipleOf": st.sampled_from([1, 2, 0.5]),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), st.integers(-2, 2)),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength"), st.integers(0, 3)),
    **dict.fromkeys(("minProperties", "maxProperties"), st.integers(0, 3)),
}


def _of_parts(part: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(part, min_size=1, max_size=2)
    below = {
        **OWN,
        "properties": st.dictionaries(NAMES, part, max_size=2),
        **dict.fromkeys(("items", "additionalProperties"), part),
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several),
        "$ref": st.sampled_from(["#/$defs/0", "#/$defs/~0~1"]),
    }
    return st.fixed_dictionaries({}, optional=below).map(lambda one: dict(list(one.items())[:4]))


PARTS = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional=OWN).map(lambda one: dict(list(one.items())[:3])),
    _of_parts,
    max_leaves=5,
)
LEAVES = st.fixed_dictionaries({}, optional=OWN).map(lambda one: dict(list(one.items())[:2]))


@settings(max_examples=400, deadline=None)
@given(_of_parts(PARTS), LEAVES, LEAVES, VALUES)
def test_it_says_what_jsonschema_says(root: dict[str, Any], one: Any, other: Any, value: Any) -> None:
    schema = root | {"$defs": {"0": one, "~/": other}}
    text = json.dumps(value)
    misfit = schema_of(schema, "it").misfit(value, len(text))
    assert (misfit == "") == Draft202012Validator(schema).is_valid(value), misfit
