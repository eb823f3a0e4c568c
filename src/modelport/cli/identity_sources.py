"""Where the commands of keys and users look: at a running server, or in a database, with or without one.

A server that runs on the database meanwhile sees within two seconds what is changed there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

import anyio
import click
import msgspec

from modelport.cli.jobs_folder import check_version
from modelport.cli.server_connection import ServerConnection
from modelport.client.arguments import Body
from modelport.client.exchange import Request, exchange
from modelport.problems import Problem
from modelport.settings import Settings, data_folder
from modelport.storage.data_folder import DATABASE, lock_folder
from modelport.storage.database import Database
from modelport.storage.errors import StoreError

T = TypeVar("T")


class AskedServer:
    """Asks a server, with the key in MODELPORT_KEY."""

    def __init__(self, url: str):
        self._url = url

    def ask(
        self, method: str, path: str, sent: dict[str, Any] | None = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON that it answers. Raises `ClickException` with what went wrong."""
        body = Body() if sent is None else Body(json=msgspec.json.encode(sent))
        request = Request(method, path, query or {}, body=body, repeatable=method == "GET")
        with ServerConnection(self._url) as server:
            return server.run(exchange(request, server.calls.deadline())).json()


class OpenedDatabase:
    """Opens the database that settings name, for one command."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def run(self, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
        """What `work` finds there. Raises `ClickException` with what went wrong."""

        async def run() -> T:
            database = await Database.open(self._settings.database_url or self._folder / DATABASE)
            try:
                return await work(database)
            finally:
                await database.close()

        try:
            with contextlib.nullcontext() if self._settings.database_url else self._turn():
                return anyio.run(run)
        except Problem as problem:
            raise click.ClickException(problem.detail) from None
        except (StoreError, OSError) as error:
            raise click.ClickException(str(error)) from None

    @property
    def _folder(self) -> Path:
        return data_folder(self._settings.data_dir)

    @contextlib.contextmanager
    def _turn(self) -> Generator[None]:
        """The folder is this command's; or a server's, whose tables are then to be those of this version."""
        folder = self._folder
        if not (folder / DATABASE).exists():
            click.echo(f"{folder} had no database: one is made, for a server of that data_dir", err=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = lock_folder(folder)
        except BlockingIOError:
            check_version(folder / DATABASE)
            yield
            return
        try:
            yield
        finally:
            os.close(lock)
