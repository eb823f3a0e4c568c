"""From flat JSON to the arguments of a model."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from modelport.contract.errors import BadRequest
from modelport.contract.signature import Argument, Signature

SHOWN = 100  # characters of a name in a message
TEXT, ID, PARAMETERS, STREAM = "text_input", "id", "parameters", "stream"


class Sent(NamedTuple):
    """The members of a request, and whether its answer is to come in parts."""

    members: dict[str, Any]
    streams: bool


def sent_of(value: Any, *, streams: bool) -> tuple[Sent, str]:
    """A request, and its id. Raises `BadRequest`."""
    if not isinstance(value, dict):
        raise BadRequest('the body is no JSON object: send {"text_input": …}')
    members = cast("dict[str, Any]", value)
    given = members.get(ID, "")
    return Sent(members, streams), given if isinstance(given, str) else ""


def arguments_of(sent: Sent, signature: Signature) -> dict[str, Any]:
    """The arguments of a model, by name. Raises `BadRequest` for what is none."""
    known = {one.name: one for one in signature.predict.arguments if one.kind != "accept"}
    found: dict[str, Any] = {}
    for name, value in sent.members.items():
        if name in known:
            found[name] = value
        elif name == PARAMETERS:
            _add_parameters(found, value, known, sent)
        elif name == ID:
            if not isinstance(value, str):
                raise BadRequest("the id of the request is no text")
        else:
            _add(found, name, value, known, sent)
    return found


def _add_parameters(found: dict[str, Any], value: Any, known: dict[str, Argument], sent: Sent) -> None:
    if not isinstance(value, dict):
        raise BadRequest("the parameters of the request are no object")
    for name, one in cast("dict[str, Any]", value).items():
        if name in sent.members:
            raise BadRequest(f"{name[:SHOWN]!r} is there twice: by itself, and among the parameters")
        _add(found, name, one, known, sent)


def _add(found: dict[str, Any], name: str, value: Any, known: dict[str, Argument], sent: Sent) -> None:
    """Add what is an argument, or stands for one."""
    if name in known:
        found[name] = value
    elif name == TEXT:
        first = next((one for one in known if _is_text(known[one])), None)
        if first is None:
            raise BadRequest(f"the model takes no text; it takes: {_names(known)}", 422)
        if first in sent.members:
            raise BadRequest(f"{TEXT} is the argument {first!r} of the model, which is there, too")
        found[first] = value
    elif name != STREAM:
        raise BadRequest(f"the model has no argument {name[:SHOWN]!r}; it takes: {_names(known)}", 422)
    elif value is not sent.streams:
        other = "generate_stream" if value is True else "generate"
        raise BadRequest(f"{STREAM!r} is {value!r:.100}: ask {other} for that, or leave it out")


def _is_text(argument: Argument) -> bool:
    choices: list[dict[str, Any]] = [argument.schema, *argument.schema.get("anyOf", [])]
    return argument.kind == "value" and any(
        one.get("type") in ("string", ["string", "null"]) for one in choices
    )


def _names(known: dict[str, Argument]) -> str:
    return ", ".join([TEXT, *known] if any(map(_is_text, known.values())) else known)[:1000]
