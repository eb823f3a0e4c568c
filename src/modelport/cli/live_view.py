"""What a person at a terminal sees while models load: each model's state and seconds, live."""

from __future__ import annotations

import asyncio
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from modelport.engine.ports import Engine, Pool, PoolState

BUSY = (PoolState.WAITING, PoolState.LOADING, PoolState.WARMING)
COLOURS = {PoolState.READY: "green", PoolState.FAILED: "red"}


class LiveView:
    """A table that moves until every model is ready or has failed, and then stays as it is."""

    def __init__(self, engine: Engine, url: str):
        self.engine = engine
        self.url = url
        self._live = Live(
            console=Console(stderr=True, emoji=False), get_renderable=self._table, refresh_per_second=8
        )
        self._task: asyncio.Task[None] | None = None
        self._began = monotonic()

    def open(self) -> None:
        """Show the view until the models have settled."""
        self._live.start()
        self._task = asyncio.ensure_future(self._until_settled())

    async def _until_settled(self) -> None:
        try:
            await self.engine.settled()
        finally:
            self._live.stop()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for pool in self.engine.pools.values():
            table.add_row(*self._row(pool))
        docs = f"  (docs at {self.url}/docs)" if self.url.startswith("http") else ""
        table.add_row("", f"[bold]{self.url}[/]{docs}", "")
        return table

    def _row(self, pool: Pool) -> tuple[Spinner | str, str, str]:
        seconds = pool.ready_seconds if pool.ready_seconds is not None else monotonic() - self._began
        mark: Spinner | str = (
            Spinner("dots") if pool.state in BUSY else ("✔" if pool.state is PoolState.READY else "✘")
        )
        colour = COLOURS.get(pool.state, "yellow")
        said = f"[{colour}]{pool.state}[/] {seconds:.1f} s"
        return mark, f"[bold]{pool.name}[/]", said + (f"  {pool.error}" if pool.error else "")
