"""A request to `/v1/responses` as the chat that it is.

Its input is a text or a list of items: messages, calls of functions, and what those have given. What is about
responses that are kept, and tools that OpenAI itself runs, is refused by its name.
"""

from __future__ import annotations

import json
from typing import Any, cast

from modelport.dialects.openai.errors import MISSING, UNSUPPORTED, refused

# Parameters that a chat calls otherwise.
NAMES = {"max_output_tokens": "max_completion_tokens"}
# Those that it has not, with the values that ask for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "background": (False,),
    "include": ([],),
    "truncation": ("disabled",),
    "previous_response_id": (),
    "conversation": (),
    "prompt": (),
    "max_tool_calls": (),
}
TEXTS = ("input_text", "output_text", "text")


def chat_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The same as a request for a chat. Raises `BadRequest`."""
    given = fields.pop("input", None)
    if given is None:
        raise refused("input is missing", "input", MISSING)
    if fields.pop("stream", None):
        words = "stream: a response is answered whole here; /v1/chat/completions streams"
        raise refused(words, "stream", UNSUPPORTED)
    messages = _messages(given)
    instructions = fields.pop("instructions", None)
    if instructions is not None:
        messages.insert(0, {"role": "system", "content": instructions})
    _refuse_what_is_kept(fields)
    chat: dict[str, Any] = {"messages": messages}
    for name, value in fields.items():
        if value is None or name in NEUTRAL:
            continue
        if name == "text":
            chat |= _text(value)
        elif name == "reasoning":
            chat |= _members(value, "reasoning", {"effort": "reasoning_effort"})
        elif name == "tools":
            chat["tools"] = [_tool(number, one) for number, one in enumerate(_list(value, "tools"))]
        elif name == "tool_choice":
            chat["tool_choice"] = _choice(value)
        else:
            chat[NAMES.get(name, name)] = value
    return chat


def _refuse_what_is_kept(fields: dict[str, Any]) -> None:
    for name, neutral in NEUTRAL.items():
        value = fields.get(name)
        if value is not None and value not in neutral:
            words = f"{name}: no response is kept here, and none goes on by itself: send the whole input"
            raise refused(words, name, UNSUPPORTED)


def _messages(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[dict[str, Any]] = []
    for number, item in enumerate(_list(given, "input")):
        where = f"input[{number}]"
        found = _object(item, where)
        kind = found.get("type", "message")
        if kind == "message":
            messages.append({"role": found.get("role"), "content": _content(found.get("content"), where)})
        elif kind == "function_call":
            _add_call(messages, found)
        elif kind == "function_call_output":
            output = found.get("output")
            text = output if isinstance(output, str) else json.dumps(output)
            messages.append({"role": "tool", "tool_call_id": found.get("call_id"), "content": text})
        else:
            raise refused(f"{where}: an item of the type {str(kind)[:50]!r} is none of a chat", where)
    return messages


def _add_call(messages: list[dict[str, Any]], item: dict[str, Any]) -> None:
    """Calls that follow each other are one message."""
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    call = {"id": item.get("call_id"), "type": "function", "function": function}
    if messages and "tool_calls" in messages[-1]:
        messages[-1]["tool_calls"].append(call)
    else:
        messages.append({"role": "assistant", "tool_calls": [call]})


def _content(content: Any, where: str) -> Any:
    if not isinstance(content, list):
        return content
    return [_part(_object(one, f"{where}.content")) for one in cast("list[Any]", content)]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a content as a chat has it."""
    kind = part.get("type")
    if kind in TEXTS:
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image":
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part.get("image_url")} | detail}
    if kind == "input_file":
        return {"type": "file", "file": {name: value for name, value in part.items() if name != "type"}}
    return part  # which the model refuses, if it knows it not


def _text(value: Any) -> dict[str, Any]:
    chat = _members(value, "text", {"format": "format", "verbosity": "verbosity"})
    form = chat.pop("format", None)
    if isinstance(form, dict):
        found = dict(cast("dict[str, Any]", form))
        kind = found.pop("type", None)
        chat["response_format"] = {"type": kind} | ({"json_schema": found} if kind == "json_schema" else {})
    elif form is not None:
        raise refused("text.format must be an object", "text.format")
    return chat


def _members(value: Any, where: str, names: dict[str, str]) -> dict[str, Any]:
    """The members of a parameter as parameters of a chat."""
    found = {name: one for name, one in _object(value, where).items() if one is not None}
    for name in found.keys() - names.keys():
        raise refused(f"{where}.{name[:50]} cannot be obeyed here", f"{where}.{name[:50]}", UNSUPPORTED)
    return {names[name]: one for name, one in found.items()}


def _tool(number: int, given: Any) -> dict[str, Any]:
    tool = dict(_object(given, f"tools[{number}]"))
    kind = tool.pop("type", None)
    if kind != "function":
        words = f"tools[{number}]: a tool of the type {str(kind)[:50]!r} is run by OpenAI; here are functions"
        raise refused(words, f"tools[{number}].type", UNSUPPORTED)
    return {"type": "function", "function": tool}


def _choice(value: Any) -> Any:
    found = cast("dict[str, Any]", value if isinstance(value, dict) else {})
    if "name" in found:
        return {"type": "function", "function": {"name": found["name"]}}
    return cast("Any", value)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refused(f"{where} must be an object", where)
    return cast("dict[str, Any]", value)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or (where == "input" and not value):
        raise refused(f"{where} must be a list that has something in it", where)
    return cast("list[Any]", value)
