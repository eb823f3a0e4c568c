"""Which functions of a typed model chat, complete and embed: its signature says so.

- `chat` takes `messages: list[modelport.Message]`,
- `complete` takes `prompt: str`, and gives text,
- `embed` takes `texts: list[str]`, and gives a vector for each.

A function of such a name that takes something else is the model's own affair. Where there is none, `predict`
chats if it takes such messages, and completes if it takes a prompt and gives text; and what has no `predict`
predicts by the first of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast, get_args, get_origin

from modelport.contract.hints import bare, hints_of, is_generator, is_list, is_stream_hint
from modelport.contract.messages import Message
from modelport.contract.model import Model
from modelport.contract.signature import Operation, TextVerbName
from modelport.contract.verb import Verb
from modelport.contract.written import Piece


class TextVerb(NamedTuple):
    """A verb of text: the argument by which it is known, and whether a hint of that is the one."""

    argument: str
    takes: Callable[[Any], bool]


def _takes_messages(hint: Any) -> bool:
    return is_list(hint) and get_args(bare(hint))[:1] == (Message,)


def _takes_text(hint: Any) -> bool:
    return bare(hint) is str


def _takes_texts(hint: Any) -> bool:
    return is_list(hint) and get_args(bare(hint))[:1] == (str,)


TEXT_VERBS: dict[TextVerbName, TextVerb] = {
    "chat": TextVerb("messages", _takes_messages),
    "complete": TextVerb("prompt", _takes_text),
    "embed": TextVerb("texts", _takes_texts),
}


def text_verbs_of(model: Any, problems: list[str]) -> dict[TextVerbName, str]:
    """The names of the functions that are verbs of text; `predict` where that is one or stands for one.

    `problems` gets a note on a `chat` that is none. Raises `ModelLoadError` if hints cannot be read.
    """
    found: dict[TextVerbName, str] = {}
    if isinstance(model, Model):
        for name, verb in TEXT_VERBS.items():
            function = getattr(model, name, None)
            if not callable(function):
                continue
            if verb.takes(hints_of(function, name).get(verb.argument)):
                found[name] = name
            elif name == "chat":
                problems.append(
                    "chat() is not served as one: it takes no argument messages: list[modelport.Message]"
                )
    predict = getattr(model, "predict", None)
    if callable(predict):
        hints = hints_of(predict, "predict")
        if "chat" not in found and _takes_messages(hints.get("messages")):
            found["chat"] = "predict"
        if "complete" not in found and _takes_text(hints.get("prompt")) and _gives_text(hints.get("return")):
            found["complete"] = "predict"
    return found


def text_operation(verb: Verb | None) -> Operation:
    """What a function of text takes; what it gives is its dialect's to write."""
    if verb is None:
        return Operation()
    streams = is_generator(verb.function) or is_stream_hint(verb.returns)
    return Operation(implemented=True, arguments=verb.arguments, streams=streams, takes_base64=True)


def _gives_text(returns: Any) -> bool:
    """Whether what a function gives is text, or pieces that have a `text`."""
    hint = bare(returns)
    if is_stream_hint(hint):
        hint = bare(get_args(hint)[0]) if get_args(hint) else None
    if hint in (str, Piece):
        return True
    if get_origin(hint) is not None or not isinstance(hint, type):
        return False
    return any("text" in getattr(one, "__annotations__", {}) for one in cast("Any", hint).__mro__)
