"""What a request has the model promise of its answer, and whether that holds.

`response_format` and tools that are `strict` say what is to come. Nobody constrains what a model writes here,
so it is looked at when it is whole: what does not fit is an error, as if the model had failed, and no answer
that the client would have to look at itself. What was cut off, was refused by the model, or calls tools in
the place of a text, is none of it, as at OpenAI's.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from modelport.contract.calls import NO_TOKENS, Tokens
from modelport.contract.errors import ModelportError
from modelport.dialects.openai.errors import refused
from modelport.dialects.openai.json_schemas import Schema, schema_of
from modelport.dialects.openai.pieces import Choice

FORMAT = "response_format"
BROKEN = "json_validate_failed"  # the code of the error, as Groq's API has it
MOST_KEPT = 16 << 20  # characters of a stream that is looked at when it is whole


class PromiseBroken(ModelportError):
    """What a model has written is not what was asked for. `tokens` are those that it took."""

    tokens: Tokens = NO_TOKENS


class Promises(msgspec.Struct, array_like=True):
    """What has to hold: JSON, of a schema where there is one; arguments of tools, by their names."""

    is_json: bool = False
    schema: dict[str, Any] | None = None
    tools: dict[str, Any] = {}

    @property
    def are_any(self) -> bool:
        """Whether anything is to be looked at."""
        return self.is_json or bool(self.tools)


def promises_of(parameters: dict[str, Any]) -> Promises:
    """What the parameters of a chat ask for. Raises `BadRequest` for schemas that cannot be checked."""
    found = Promises()
    form = parameters.get(FORMAT)
    if isinstance(form, dict):
        kind = cast("dict[str, Any]", form).get("type")
        found.is_json = kind in ("json_object", "json_schema")
        if kind == "json_schema":
            found.schema = _strict_schema(cast("dict[str, Any]", form).get("json_schema"))
    tools = parameters.get("tools")
    for number, one in enumerate(cast("list[Any]", tools if isinstance(tools, list) else [])):
        function = cast("dict[str, Any]", one).get("function") if isinstance(one, dict) else None
        if not isinstance(function, dict):
            continue  # which is the model's to refuse
        of = cast("dict[str, Any]", function)
        if of.get("strict") is True and isinstance(of.get("parameters"), dict):
            schema_of(of["parameters"], f"tools[{number}].function.parameters")
            found.tools[str(of.get("name"))] = of["parameters"]
    return found


def _strict_schema(given: Any) -> dict[str, Any] | None:
    where = f"{FORMAT}.json_schema"
    if not isinstance(given, dict):
        raise refused(f"{where} must be an object with a name and a schema", where)
    said = cast("dict[str, Any]", given)
    if said.get("strict") not in (None, True, False):
        raise refused(f"{where}.strict must be true or false", f"{where}.strict")
    if not said.get("strict"):
        return None
    schema_of(said.get("schema"), f"{where}.schema")
    return said["schema"]


def check_promises(promises: Promises, choices: dict[int, Choice], tokens: Tokens) -> None:
    """Raise `PromiseBroken` if one of the whole answers is not what was asked for."""
    text = None if promises.schema is None else schema_of(promises.schema, FORMAT)
    tools = {name: schema_of(schema, name) for name, schema in promises.tools.items()}
    for choice in choices.values():
        words = _broken(promises, text, tools, choice)
        if words:
            error = PromiseBroken(words)
            error.tokens = tokens
            raise error


def _broken(promises: Promises, text: Schema | None, tools: dict[str, Schema], choice: Choice) -> str:
    if any(choice.refusals) or choice.end not in ("stop", "tool_calls"):
        return ""
    for call in choice.calls.values():
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        if name in tools:
            words = _misfit(tools[name], arguments)
            if words:
                return f"the tool {name[:100]!r} is strict, and its arguments do not fit: {words}"
    if not promises.is_json or choice.calls:
        return ""
    if text is None:
        words = "" if isinstance(_json_of(choice.text), dict) else "what the model has written is none"
        return f"{FORMAT} asks for a JSON object, and {words}" if words else ""
    words = _misfit(text, choice.text)
    return f"{FORMAT} is strict, and what the model has written does not fit: {words}" if words else ""


def _misfit(schema: Schema, text: str) -> str:
    value = _json_of(text)
    if not isinstance(value, dict):
        return "it is no JSON object"
    return schema.misfit(value, len(text))


def _json_of(text: str) -> Any:
    """The value of JSON; `None` for what is none."""
    try:
        return msgspec.json.decode(text.encode())
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None
