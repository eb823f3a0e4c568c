from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.sampling_params import RequestOutputKind, SamplingParams


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    finish_reason: str | None


@dataclass
class RequestOutput:
    request_id: str
    prompt_token_ids: list[int] | None
    outputs: list[CompletionOutput]
    finished: bool


class AsyncLLM:
    """Writes the words of the prompt again, one a step."""

    @classmethod
    def from_engine_args(cls, engine_args: AsyncEngineArgs) -> AsyncLLM:
        asyncio.get_running_loop()  # it starts its tasks there
        return cls()

    async def generate(
        self, prompt: str, sampling_params: SamplingParams, request_id: str
    ) -> AsyncGenerator[RequestOutput]:
        assert sampling_params.output_kind is RequestOutputKind.DELTA
        words = prompt.split()
        most = min(len(words), sampling_params.max_tokens or len(words))
        for number, word in enumerate(words[:most], 1):
            await asyncio.sleep(0)
            reason = None if number < most else ("stop" if most == len(words) else "length")
            output = CompletionOutput(0, f"{word} ", [number], reason)
            yield RequestOutput(request_id, list(range(len(words))), [output], reason is not None)
