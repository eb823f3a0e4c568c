"""What a model has written, as the answers of `/v1/chat/completions` and `/v1/completions`."""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.contract.calls import Tokens
from modelport.contract.written import Piece, Usage
from modelport.dialects.codecs import checked_piece
from modelport.dialects.openai.pieces import Choice, arguments_text, piece_of, pieces_of, tokens_of, usage_of
from modelport.dialects.openai.promises import MOST_KEPT, check_promises
from modelport.dialects.openai.requests import Asked
from modelport.dialects.openai.responses import response_of

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


def whole_answer(asked: Asked, value: Any) -> tuple[dict[str, Any], Tokens]:
    """All that a model has given as one answer, and its tokens.

    Raises `TypeError`, `ValueError` and `PromiseBroken`.
    """
    choices: dict[int, Choice] = {0: Choice()}
    usage: Usage | None = None
    for piece in pieces_of(value):
        usage = piece.usage or usage
        choices.setdefault(piece.index, Choice()).take(piece)
    if asked.promises.are_any:
        check_promises(asked.promises, choices, tokens_of(usage))
    if asked.form == "respond":
        return response_of(asked, choices[0], usage), tokens_of(usage)
    chat = asked.form == "chat"
    whole = _chat_choice if chat else _text_choice
    kind = "chat.completion" if chat else "text_completion"
    body = _head(asked, kind)
    body["choices"] = [whole(index, choices[index]) for index in sorted(choices)]
    body["usage"] = usage_of(usage)
    return body, tokens_of(usage)


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": asked.id, "object": kind, "created": asked.created, "model": asked.model}


def _chat_choice(index: int, choice: Choice) -> dict[str, Any]:
    text, refusal, reasoning = choice.text, "".join(choice.refusals), "".join(choice.reasoning)
    content = None if not text and (choice.calls or refusal) else text
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal or None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if choice.calls:
        message["tool_calls"] = [choice.calls[number] for number in sorted(choice.calls)]
    logprobs = {"content": choice.logprobs} if choice.logprobs else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": choice.end}


def _text_choice(index: int, choice: Choice) -> dict[str, Any]:
    return {
        "index": index,
        "text": choice.text,
        "logprobs": _text_logprobs(choice.logprobs),
        "finish_reason": choice.end,
    }


def _text_logprobs(tokens: Any) -> dict[str, Any] | None:
    """The probabilities of tokens as `/v1/completions` has them: a list for each thing that is said."""
    if not tokens:
        return None
    offsets: list[int] = []
    place = 0
    for one in tokens:
        offsets.append(place)
        place += len(str(one["token"]))
    return {
        "tokens": [one["token"] for one in tokens],
        "token_logprobs": [one["logprob"] for one in tokens],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in one.get("top_logprobs", ())} for one in tokens
        ],
        "text_offset": offsets,
    }


class WrittenEvents:
    """Makes events of what a model yields. One for each stream."""

    def __init__(self, asked: Asked):
        self._asked = asked
        self._choices: dict[int, Choice] = {}
        self._whole: dict[int, Choice] = {}  # where something was promised of them
        self._kept = 0
        self._usage: Usage | None = None
        chat = asked.form == "chat"
        self._delta = _chat_delta if chat else _text_delta
        self._last = _chat_end if chat else _text_end
        self._head = _head(asked, "chat.completion.chunk" if chat else "text_completion")

    @property
    def tokens(self) -> Tokens:
        """Those that the model has counted until now."""
        return tokens_of(self._usage)

    def piece(self, item: Any) -> bytes:
        """What is sent of a piece. Raises `TypeError` and `ValueError`."""
        piece = piece_of(item)
        if self._asked.promises.are_any:
            self._keep(piece)
        self._usage = piece.usage or self._usage
        choice = self._choices.setdefault(piece.index, Choice())
        choice.finish_reason = piece.finish_reason or choice.finish_reason
        said = self._delta(piece.index, choice, piece)
        return self._event([said]) if said is not None else b""

    def end(self) -> bytes:
        """Why each answer ends, how many tokens that were, and that there is no more.

        Raises `PromiseBroken`.
        """
        if self._asked.promises.are_any:
            check_promises(self._asked.promises, self._whole or {0: Choice()}, self.tokens)
        choices = self._choices or {0: Choice()}
        last = [self._last(index, choices[index]) for index in sorted(choices)]
        said = b"".join(self._event([one]) for one in last)
        usage = usage_of(self._usage)
        if self._asked.with_usage and usage is not None:
            said += self._event([], usage)
        return said + DONE

    def _keep(self, piece: Piece) -> None:
        self._kept += len(piece.text) + sum(len(arguments_text(call)) for call in piece.tool_calls)
        if self._kept > MOST_KEPT:
            raise ValueError(
                f"a text of over {MOST_KEPT >> 20} MB is not looked at: ask for less, or not strictly"
            )
        self._whole.setdefault(piece.index, Choice()).take(piece)

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        told = {"usage": usage} if self._asked.with_usage else {}
        return checked_piece(b"data: %b\n\n" % _encode(self._head | {"choices": choices} | told))


def _chat_delta(index: int, choice: Choice, piece: Piece) -> dict[str, Any] | None:
    delta: dict[str, Any] = {}
    if piece.text:
        delta["content"] = piece.text
    if piece.refusal:
        delta["refusal"] = piece.refusal
    if piece.reasoning:
        delta["reasoning_content"] = piece.reasoning
    if piece.tool_calls:
        delta["tool_calls"] = [choice.called(call) for call in piece.tool_calls]
    if not delta and not piece.logprobs:
        return None
    if not choice.has_begun:
        choice.has_begun = True
        delta = {"role": "assistant"} | delta
    logprobs = {"content": piece.logprobs} if piece.logprobs else None
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def _chat_end(index: int, choice: Choice) -> dict[str, Any]:
    delta = {} if choice.has_begun else {"role": "assistant", "content": ""}
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": choice.end}


def _text_delta(index: int, choice: Choice, piece: Piece) -> dict[str, Any] | None:
    if not piece.text and not piece.logprobs:
        return None
    logprobs = _text_logprobs(piece.logprobs)
    return {"index": index, "text": piece.text, "logprobs": logprobs, "finish_reason": None}


def _text_end(index: int, choice: Choice) -> dict[str, Any]:
    return {"index": index, "text": "", "logprobs": None, "finish_reason": choice.end}
