"""The further arguments of an array model, such as `predict_proba`, out of a request."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import pydantic
from pydantic import Field, TypeAdapter

from modelport.contract.arrays.findings import MISSING, Findings
from modelport.contract.field_messages import error_details
from modelport.contract.places import Places
from modelport.contract.repeated import why_repeated
from modelport.contract.signature import Argument

HINTS: dict[str, Any] = {"boolean": bool, "integer": int, "number": float, "string": str, "array": list[Any]}
BOUNDS = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}


class OptionValues:
    """Reads options from any place of a request; one that is not given has its default."""

    def __init__(self, options: list[Argument]):
        self.options = options
        self.names = tuple(option.name for option in options)
        self.defaults = {o.name: o.schema.get("default") for o in options if not o.required}
        self._adapters = {option.name: TypeAdapter[Any](_hint(option.schema)) for option in options}

    @property
    def are_optional(self) -> bool:
        """True if a request that has nothing but rows gives every option its default."""
        return all(not o.required and o.location != "headers" for o in self.options)

    def read(self, places: Places, found: Findings) -> dict[str, Any]:
        """Every option; what is wrong with those that were given goes into `found`."""
        values = dict(self.defaults)
        for option in self.options:
            place, given = places.find(option.name, option.location)
            if not place:
                if option.required:
                    found.add((option.name,), MISSING)
                continue
            if why := why_repeated(places, option.name, place, given):
                found.add((option.name,), ("value_error", why))
                continue
            value = given if place == "json" else given[0]
            try:
                values[option.name] = self._adapters[option.name].validate_python(value)
            except pydantic.ValidationError as error:
                found.extend(error_details(error, (option.name,)))
        return values


def _hint(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    kinds: Any = schema.get("type")
    names: list[str] = cast("list[str]", kinds) if isinstance(kinds, list) else [kinds]
    hint: Any = HINTS.get(next((name for name in names if name != "null"), ""), Any)
    bounds = {word: schema[key] for key, word in BOUNDS.items() if key in schema}
    if bounds:
        hint = Annotated[hint, Field(**bounds)]
    return hint | None if "null" in names else hint
