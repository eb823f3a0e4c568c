"""Models that chat, complete and embed, as OpenAI's clients ask for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy

import modelport

WEATHER = {"city": "Rome"}


class Chats(modelport.Model):
    """Says what was said last, word by word, and counts the words."""

    examples: ClassVar[dict[str, Any]] = {
        "A greeting": {"messages": [{"role": "user", "content": "hello there"}]},
    }

    def chat(
        self,
        messages: list[modelport.Message],
        temperature: float = 1.0,
        max_tokens: int | None = None,
        seed: int | None = None,
        tools: list[dict[str, Any]] | None = None,
        response_format: dict[str, Any] | None = None,
        tone: str = "",
    ) -> Iterator[str | modelport.ToolCall | modelport.Usage | modelport.Piece]:
        said = messages[-1].text
        if said == "fail":
            raise RuntimeError("it was asked to fail")
        if said == "refuse":
            raise modelport.HTTPError(422, "it does not like to")
        if tools and messages[-1].role == "user":
            return _tool_calls(tools[0]["function"]["name"])
        if response_format is not None:
            return iter([said if said.startswith("{") else json.dumps({"name": said, "age": 7})])
        words = [f"{word} " for word in said.split()][:max_tokens]
        cut = max_tokens is not None and len(said.split()) > max_tokens
        given = {"temperature": temperature, "seed": seed, "tone": tone}
        return _words(words, "length" if cut else None, len(said.split()), given if said == "given" else None)

    def complete(self, prompt: str, suffix: str = "") -> str:
        return f"{prompt[::-1]}{suffix}"

    def embed(self, texts: list[str], dimensions: int = 3) -> tuple[numpy.ndarray, modelport.Usage]:
        rows = [[len(text), text.count(" "), *[0.5] * dimensions][:dimensions] for text in texts]
        return numpy.array(rows), modelport.Usage(sum(len(text.split()) for text in texts))


def _words(words: list[str], reason: str | None, read: int, given: dict[str, Any] | None) -> Iterator[Any]:
    yield from [json.dumps(given)] if given is not None else words
    if reason is not None:
        yield modelport.Piece(finish_reason=reason)
    yield modelport.Usage(read, len(words))


def _tool_calls(name: str) -> Iterator[modelport.ToolCall]:
    whole = json.dumps(WEATHER)
    yield modelport.ToolCall(name, whole[:5], id="call_1")
    yield modelport.ToolCall(arguments=whole[5:])
    yield modelport.ToolCall("other", {"deep": [1]}, index=1)


class Breaks(modelport.Model):
    """Breaks off in the middle."""

    def chat(self, messages: list[modelport.Message]) -> Iterator[str]:
        yield "so "
        yield "far "
        raise RuntimeError("no further")


class Dies(modelport.Model):
    """Ends its process in the middle."""

    def chat(self, messages: list[modelport.Message]) -> Iterator[str]:
        yield "so "
        import os

        os._exit(3)


class Talks(modelport.Model):
    """Goes on until nobody listens, and writes down that it was stopped."""

    async def chat(self, messages: list[modelport.Message]) -> AsyncIterator[str]:
        try:
            while True:
                yield "on and "
                await asyncio.sleep(0.001)
        finally:
            Path(messages[-1].text).write_text("stopped")


class Plain(modelport.Model):
    """A plain predict that is a completion by its signature."""

    def predict(self, prompt: str, loud: bool = False) -> str:
        return prompt.upper() if loud else prompt


class Odd(modelport.Model):
    """Gives what is no text."""

    def chat(self, messages: list[modelport.Message]) -> Any:
        return 7 if messages[-1].text == "number" else modelport.Message(role="assistant", content="hello")

    def embed(self, texts: list[str]) -> Any:
        return {"wrong": 1} if texts == ["wrong"] else [[1.0, 2.0]]
