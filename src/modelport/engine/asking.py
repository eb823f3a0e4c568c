"""The one way to ask a pool and wait for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modelport.contract.calls import Answer, Call
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.engine.spans import spans_of


async def ask(
    pool: Pool,
    call: Call,
    *,
    seconds: float | None = None,
    begun: Callable[[Pending], None] | None = None,
    aside: bool = False,
    within: bool = False,
) -> tuple[Pending, Answer]:
    """Give a call to a pool and wait for its answer; whoever waits no longer has given the call up.

    After `seconds` the answer is a 504. `begun` is told of the call once it is taken, to cancel it by or to
    hear what becomes of it. A call that is `aside` is no client's: observers do not see it. One `within`
    another call is taken while the server drains, too. Raises `Refused` at once if the pool takes no calls.
    """
    spans = spans_of(call, pool) if call.trace else None
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def deliver(pending: Pending, answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)
        if spans is not None:
            spans.over(pending, answer)

    pending = pool.submit_aside(call, deliver) if aside else pool.submit(call, deliver, within=within)
    if begun is not None:
        begun(pending)
    try:
        async with asyncio.timeout(seconds):
            return pending, await answered
    except TimeoutError:
        pool.cancel(pending)
        assert seconds is not None  # else nothing is late
        return pending, late_answer(call, seconds)
    except asyncio.CancelledError:
        pool.cancel(pending)
        raise


def late_answer(call: Call, seconds: float) -> Answer:
    """The answer to whoever has waited so long for a call."""
    return Answer(call.id, 504, problem=True, detail=f"the prediction took longer than {seconds:g} s")
