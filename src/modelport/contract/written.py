"""What models that write text return and yield, where that is more than text.

A model that chats or completes yields texts; each of these may stand among them, as often as it likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Usage:
    """How many tokens were read and written, as the model has counted them. The last one that is told counts.

    `cached_tokens` are those of the prompt that were not computed anew, `reasoning_tokens` those of what was
    written that the answer does not show.
    """

    prompt_tokens: int
    completion_tokens: int = 0
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True)
class ToolCall:
    """A call of one of the tools that the client has named, or a part of one.

    `arguments` are values by name, or JSON as text, of which further parts with the same `index` go on. The
    `id` is made up where the first part has none. Several calls in one answer differ by their `index`.
    """

    name: str = ""
    arguments: str | Mapping[str, Any] = ""
    id: str = ""
    index: int = 0


@dataclass(frozen=True)
class Piece:
    """A part of what is written.

    `index` tells which of several answers (`n`) it belongs to. `finish_reason` is why this answer ends:
    `stop`, `length`, `tool_calls` or `content_filter`. `logprobs` has, for each token of the text, what
    OpenAI's API has there: `token`, `logprob`, `bytes` and `top_logprobs`.
    """

    text: str = ""
    index: int = 0
    finish_reason: str | None = None
    logprobs: Sequence[Mapping[str, Any]] | None = None
    tool_calls: Sequence[ToolCall] = ()
    refusal: str = ""
    reasoning: str = ""
    usage: Usage | None = None
