"""A stand-in for the tokenizer beside vLLM's."""

from __future__ import annotations

from typing import Any


class AutoTokenizer:
    @classmethod
    def from_pretrained(cls, name: str) -> AutoTokenizer:
        return cls()

    def apply_chat_template(self, said: list[dict[str, Any]], **options: Any) -> str:
        assert options == {"add_generation_prompt": True, "tokenize": False}
        return " ".join(message["content"] for message in said)
