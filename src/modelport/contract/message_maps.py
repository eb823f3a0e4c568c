"""Maps of messages, as validation makes them."""

from __future__ import annotations

from typing import Any, cast


def text_keys(messages: Any) -> Any:
    """Message maps with text keys throughout: JSON has no other."""
    if isinstance(messages, dict):
        return {str(k): text_keys(v) for k, v in cast("dict[Any, Any]", messages).items()}
    return messages
