"""`Literal[Colour.RED, …]`: pydantic takes only the members themselves, which nobody can send."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from modelport.contract.plain import plain

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


class EnumLiteral:
    """Metadata of a hint `Literal[…]` with members of enums, each of which is sent as its value."""

    def __init__(self, choices: tuple[Any, ...]):
        self.choices = choices
        self.values = [value_of(choice) for choice in choices]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            self._chosen, serialization=core_schema.plain_serializer_function_ser_schema(plain)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"enum": list(self.values)}

    def _chosen(self, value: Any) -> Any:
        from pydantic_core import PydanticCustomError

        for choice, sent in zip(self.choices, self.values, strict=True):
            if value is choice or (value == sent and isinstance(value, bool) == isinstance(sent, bool)):
                return choice
        *rest, last = map(repr, self.values)
        expected = f"{', '.join(rest)} or {last}" if rest else last
        raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})


def enum_literal(hint: Any) -> EnumLiteral | None:
    """What reads a `Literal` with members of enums; `None` for any other hint."""
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return EnumLiteral(choices) if any(isinstance(one, enum.Enum) for one in choices) else None


def value_of(choice: Any) -> Any:
    """What is sent for a choice."""
    return choice.value if isinstance(choice, enum.Enum) else choice
