"""What is said to a model that chats: messages, as OpenAI's API has them.

Source: OpenAI's API reference, "Create chat completion", `messages`.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from modelport.contract.errors import HTTPError

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
TEXT_PARTS = ("text", "refusal")


class SentFunction(TypedDict):
    """A function that a model has asked for; `arguments` is JSON as text."""

    name: str
    arguments: str


class SentToolCall(TypedDict):
    """A call of a tool that a model has asked for, as its client sends it back."""

    id: str
    type: Literal["function"]
    function: SentFunction


class Message(BaseModel):
    """One message of a chat.

    `content` is a text, or a list of parts, each with its `type`: `text`, `image_url`, `input_audio`, `file`.
    `tool_calls` are those that the assistant has asked for, and a message of the role `tool` has the
    `tool_call_id` of the one that it answers.
    """

    model_config = ConfigDict(extra="forbid")

    role: Role
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[SentToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None

    @property
    def text(self) -> str:
        """All of its text. Raises `HTTPError` 400 if it has parts that are none, which may not be lost."""
        if self.content is None:
            return self.refusal or ""
        if isinstance(self.content, str):
            return self.content
        return "".join(map(_text_of, self.content))

    def as_dict(self) -> dict[str, Any]:
        """It as chat templates take it: what it does not say is not there."""
        return self.model_dump(exclude_none=True)


def _text_of(part: dict[str, Any]) -> str:
    kind = str(part.get("type", ""))
    text = cast("Any", part.get(kind))
    if kind not in TEXT_PARTS or not isinstance(text, str):
        raise HTTPError(400, f"messages: this model reads text, and no part of the type {kind[:50]!r}")
    return text
