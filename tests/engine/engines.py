"""A real engine with real worker processes, inside a test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from modelport.contract.calls import Answer, Call
from modelport.engine.local.engine import LocalEngine
from modelport.engine.local.pool import ModelPool
from modelport.engine.pending import Pending
from modelport.settings import Settings
from modelport.sources.source import parse_sources

MODELS = Path(__file__).parent / "engine_models.py"
SECONDS = 20.0


class Submitted:
    """A call that was given to a pool; `answer` waits for its answer."""

    def __init__(self, engine: LocalEngine, pool: ModelPool, arguments: dict[str, Any]):
        self.got: list[Answer] = []
        self._arrived = asyncio.Event()
        body = json.dumps(arguments).encode()
        call = Call(engine.next_id(), content_type="application/json", body=body)
        self.pending = pool.submit(call, self._take)

    def _take(self, pending: Pending, answer: Answer) -> None:
        self.got.append(answer)
        self._arrived.set()

    async def answer(self) -> Answer:
        await self._arrived.wait()
        [answer] = self.got
        return answer

    async def prediction(self) -> Any:
        answer = await self.answer()
        assert answer.status == 200, answer
        value = json.loads(answer.body)
        return value.get("predictions", value) if isinstance(value, dict) else value


class Running:
    """A started engine with one model, and a gate at which its calls wait."""

    def __init__(self, engine: LocalEngine):
        self.engine = engine
        [self.pool] = engine.pools.values()
        self._gates: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.port = 0

    def submit(self, **arguments: Any) -> Submitted:
        return Submitted(self.engine, self.pool, arguments)

    def held(self, text: str = "held") -> Submitted:
        """A call that waits at the gate once it runs."""
        return self.submit(text=text, port=self.port)

    async def arrival(self) -> asyncio.StreamWriter:
        """Wait until the next held call runs; close what is returned to release it."""
        return await self._gates.get()

    async def on_gate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._gates.put(writer)
        await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def running(kind: str, spool: Path, **settings: Any) -> AsyncIterator[Running]:
    """An engine with one model, ready; nothing of it may be left in the spool folder at the end."""
    engine = LocalEngine(parse_sources([f"m={MODELS}:{kind}"]), Settings(spool_dir=str(spool), **settings))
    await engine.start()
    started = Running(engine)
    gate = await asyncio.start_server(started.on_gate, "127.0.0.1", 0)
    started.port = gate.sockets[0].getsockname()[1]
    try:
        await engine.settled()
        yield started
    finally:
        gate.close()
        await engine.stop(at_once=True)
    assert not any(spool.glob("*"))


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again until `condition` holds, for what no event tells."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine to its end, within bounds."""

    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await test()

    asyncio.run(bounded())
