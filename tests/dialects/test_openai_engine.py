"""The model of docs/openai.md that an engine writes, with a stand-in for that engine."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import openai
from serving import MODELS, ROOT, serving

sys.path.insert(0, str(ROOT / "tests" / "docs"))

from blocks import blocks_of

STUB = MODELS / "engine_stub"


def test_a_model_with_an_engine_of_its_own_chats_side_by_side(tmp_path: Path) -> None:
    text = next(block.text for block in blocks_of(ROOT / "docs/openai.md") if block.value == "engine.py")
    (tmp_path / "engine.py").write_text(text)
    path = os.pathsep.join((str(STUB), str(MODELS)))

    async def ask(url: str) -> list[tuple[str, str | None, int]]:
        async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:

            async def one(number: int) -> tuple[str, str | None, int]:
                answer = await client.chat.completions.create(
                    model="engine",
                    messages=[{"role": "user", "content": f"say {number}"}],
                    max_tokens=number,
                )
                assert answer.usage is not None
                choice = answer.choices[0]
                return choice.message.content or "", choice.finish_reason, answer.usage.completion_tokens

            return await asyncio.gather(*map(one, (1, 2)))

    with serving(str(tmp_path / "engine.py"), PYTHONPATH=path) as server:
        assert asyncio.run(ask(f"{server.url}/v1")) == [("say ", "length", 1), ("say 2 ", "stop", 2)]
