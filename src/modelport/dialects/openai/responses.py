"""What a model has written, as the answer of `/v1/responses`."""

from __future__ import annotations

import uuid
from typing import Any

from modelport.contract.written import Usage
from modelport.dialects.openai.pieces import Choice
from modelport.dialects.openai.requests import Asked

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_of(asked: Asked, choice: Choice, usage: Usage | None) -> dict[str, Any]:
    """The whole response. What nobody knows of it is null, as it is there."""
    cut = INCOMPLETE.get(choice.end)
    said = {
        "id": asked.id,
        "object": "response",
        "created_at": asked.created,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": asked.model,
        "output": _output(choice, "incomplete" if cut else "completed"),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": _usage(usage),
    }
    return said | asked.echoed


def _output(choice: Choice, status: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if choice.text or not (choice.calls or any(choice.refusals)):
        parts.append({"type": "output_text", "text": choice.text, "annotations": [], "logprobs": []})
    if any(choice.refusals):
        parts.append({"type": "refusal", "refusal": "".join(choice.refusals)})
    output: list[dict[str, Any]] = []
    if parts:
        made = {"type": "message", "id": f"msg_{uuid.uuid4().hex}", "role": "assistant"}
        output.append(made | {"status": status, "content": parts})
    for number in sorted(choice.calls):
        call = choice.calls[number]
        called = {"type": "function_call", "id": f"fc_{uuid.uuid4().hex}", "call_id": call["id"]}
        output.append(called | call["function"] | {"status": status})
    return output


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    read, written = usage.prompt_tokens, usage.completion_tokens
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": read + written,
    }
