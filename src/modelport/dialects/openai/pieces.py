"""What a model has written, in one form, whichever it has yielded: texts, pieces, calls of tools, usage."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, cast

from modelport.contract.calls import NO_TOKENS, Tokens
from modelport.contract.messages import Message
from modelport.contract.written import Piece, ToolCall, Usage

KNOWN = "yield texts, modelport.Piece, modelport.ToolCall or modelport.Usage"


def piece_of(item: Any) -> Piece:
    """One thing that a model has yielded or returned as a piece. Raises `TypeError` for what is none."""
    if isinstance(item, str):
        return Piece(item)
    if isinstance(item, Piece):
        return item
    if isinstance(item, ToolCall):
        return Piece(tool_calls=(item,))
    if isinstance(item, Usage):
        return Piece(usage=item)
    if isinstance(item, Message):
        return _of_message(item)
    members: Any = getattr(item, "__dict__", item)
    text = members.get("text") if hasattr(members, "get") else None
    if not isinstance(text, str):
        raise TypeError(f"a model of text cannot give {type(item).__name__}: {KNOWN}")
    return Piece(text, index=members.get("index") or 0, finish_reason=members.get("finish_reason"))


def pieces_of(value: Any) -> Iterable[Piece]:
    """All that a model has given, where that is whole: one piece, or a list of them."""
    items = cast("list[Any]", value) if isinstance(value, (list, tuple)) else [value]
    return map(piece_of, items)


def _of_message(message: Message) -> Piece:
    calls = [
        ToolCall(one["function"]["name"], one["function"]["arguments"], one["id"], number)
        for number, one in enumerate(message.tool_calls or [])
    ]
    return Piece("" if message.refusal else message.text, tool_calls=calls, refusal=message.refusal or "")


def arguments_text(call: ToolCall) -> str:
    """The arguments of a call as JSON, or the part of it that has come."""
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


class Choice:
    """What is known of one of the answers while its pieces come."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.refusals: list[str] = []
        self.reasoning: list[str] = []
        self.logprobs: list[Mapping[str, Any]] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.finish_reason = ""
        self.has_begun = False

    def take(self, piece: Piece) -> None:
        """Another piece of it. Raises `TypeError`."""
        self.finish_reason = piece.finish_reason or self.finish_reason
        self.texts.append(piece.text)
        self.refusals.append(piece.refusal)
        self.reasoning.append(piece.reasoning)
        self.logprobs += piece.logprobs or ()
        for call in piece.tool_calls:
            function = self.called(call)["function"]
            known = self.calls[call.index].setdefault("function", {"name": "", "arguments": ""})
            for name, text in function.items():
                known[name] += text

    def called(self, call: ToolCall) -> dict[str, Any]:
        """A call, or a part of it, as the part of a stream. Of what it says only its id is kept."""
        function = {"arguments": arguments_text(call)} | ({"name": call.name} if call.name else {})
        if call.index in self.calls:
            return {"index": call.index, "function": function}
        made = {"id": call.id or f"call_{uuid.uuid4().hex}", "type": "function"}
        self.calls[call.index] = made
        return {"index": call.index, **made, "function": {"name": "", **function}}

    @property
    def end(self) -> str:
        """Why it has ended, as the model says, or as what it has written shows."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(self.texts)


MOST_TOKENS = 1 << 48  # of one answer: what is counted is the model's word


def tokens_of(usage: Usage | None) -> Tokens:
    """The tokens as they are counted by whoever looks at a server; none where the model has not counted."""
    if usage is None:
        return NO_TOKENS
    read, written = (
        min(max(int(count), 0), MOST_TOKENS) for count in (usage.prompt_tokens, usage.completion_tokens)
    )
    return Tokens(read, written)


def usage_of(usage: Usage | None) -> dict[str, Any] | None:
    """The tokens as the model has counted them; `None` if it has not."""
    if usage is None:
        return None
    read, written = usage.prompt_tokens, usage.completion_tokens
    said: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    if usage.cached_tokens is not None:
        said["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        said["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return said
