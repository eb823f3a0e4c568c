"""What the platform sends to an action's container, and what it wants to hear."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

import msgspec

from modelport.problems import Problem

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
PREFIX = "__OW_"
OF_WEB = "__ow_"  # begins the names of what a web action is told of its request
NO_ARGUMENTS = "The action did not receive a dictionary as an argument."
NO_DICTIONARY = "The action did not return a dictionary or array."
JSON = "application/json"
AS_TEXT = ("text/", "application/x-www-form-urlencoded")  # of a raw request; all else comes as base64

Json = dict[str, Any]


class Asked(NamedTuple):
    """What a prediction is asked with: the body of a request and what says how to read it."""

    body: bytes
    content_type: str = JSON
    query: bytes = b""
    accept: str = ""
    is_web: bool = False


class Activation(NamedTuple):
    """One activation: what is asked, the variables around it, and its deadline in seconds of the epoch."""

    asked: Asked
    variables: Mapping[str, str]
    deadline: float | None


def activation_of(body: bytes) -> Activation:
    """Read the body of `/run`. Raises `Problem`: 400 for what is no JSON object, 404 for no arguments."""
    sent = object_of(body)
    value = bytes(sent.pop("value", b"{}")).strip()
    if not value.startswith(b"{"):
        raise Problem(404, NO_ARGUMENTS)
    context = {name: text_of(msgspec.json.decode(raw)) for name, raw in sent.items()}
    variables = {f"{PREFIX}{name.upper()}": text for name, text in context.items()}
    if not all(is_variable(*one) for one in variables.items()):
        raise Problem(400, "the activation has a name or a text that no variable can have")
    return Activation(_asked(value), variables, _seconds(context.get("deadline", "")))


def object_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, as they were sent. Raises `Problem` 400."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "the body is no JSON object") from None


def text_of(value: Any) -> str:
    """A parameter as a variable has it: texts as they are, nothing for null, JSON for all else."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def is_variable(name: str, text: str) -> bool:
    """Whether a process can have this variable."""
    try:
        return bool(name) and "=" not in name and b"\0" not in (name + text).encode()
    except UnicodeEncodeError:  # half of a pair
        return False


def _seconds(deadline: str) -> float | None:
    """Milliseconds as seconds; the contract's own tests send a text."""
    try:
        return float(deadline) / 1000
    except ValueError:
        return None


def _asked(value: bytes) -> Asked:
    if f'"{OF_WEB}method"'.encode() not in value:
        return Asked(value)
    sent = _decoded(value)
    headers: Any = sent.get(f"{OF_WEB}headers") or {}
    if f"{OF_WEB}method" not in sent or not isinstance(headers, dict):
        return Asked(value)
    fields = {name.lower(): str(text) for name, text in cast("Json", headers).items()}
    accept = fields.get("accept", "")
    own = {name: found for name, found in sent.items() if not name.startswith(OF_WEB)}
    if f"{OF_WEB}body" not in sent and f"{OF_WEB}query" not in sent:
        return Asked(msgspec.json.encode(own), accept=accept, is_web=True)
    # A raw one: the platform has read nothing of the request. What is bound to the action comes beside it.
    query = str(sent.get(f"{OF_WEB}query") or "")
    bound = urlencode({name: text_of(found) for name, found in own.items()})
    kind = fields.get("content-type", "")
    body = _body(str(sent.get(f"{OF_WEB}body") or ""), kind)
    return Asked(body, kind, "&".join(filter(None, (query, bound))).encode(), accept, is_web=True)


def _decoded(value: bytes) -> Json:
    try:
        return cast("Json", json.loads(value))
    except (ValueError, RecursionError):
        raise Problem(400, "value is no JSON") from None


def _body(text: str, content_type: str) -> bytes:
    """The body of a raw request. JSON comes as base64, and by some versions of the platform as it is."""
    media = content_type.partition(";")[0].strip().lower()
    if not media or media.startswith(AS_TEXT) or text.lstrip()[:1] in ("{", "["):
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(400, f"{OF_WEB}body is no base64, as a body of {media} has to be") from None


def said_in_web(status: int, content_type: str, body: bytes) -> bytes:
    """The result of a web action, which says the status, the fields and the body of an answer."""
    content: Any = body.decode() if content_type.startswith("text/") else base64.b64encode(body).decode()
    if content_type == JSON:
        content = msgspec.Raw(body)
    return msgspec.json.encode(
        {"statusCode": status, "headers": {"Content-Type": content_type}, "body": content}
    )
