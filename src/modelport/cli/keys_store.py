"""The keys of `modelport keys …`: those of a running server, or those of a database, with or without one.

A server that runs on the database meanwhile sees within two seconds what is changed here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from time import time
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import anyio
import click
import msgspec
from msgspec import to_builtins

from modelport.api.identity_routes import key_body, made_body, new_key, record_body
from modelport.api.resources import identity as resources
from modelport.cli.jobs_folder import check_version
from modelport.cli.server_connection import ServerConnection
from modelport.client.arguments import Body
from modelport.client.exchange import Request, exchange
from modelport.identity import audit
from modelport.identity.keys import Key, KeyStore
from modelport.problems import Problem
from modelport.settings import Settings, data_folder
from modelport.settings.written import seconds_of
from modelport.storage.data_folder import DATABASE, lock_folder
from modelport.storage.database import Database
from modelport.storage.errors import StoreError

T = TypeVar("T")


class KeySource(Protocol):
    """Whose keys. Answers are the JSON of the resources `/v2/keys` and `/v2/audit`."""

    def keys(self) -> list[dict[str, Any]]:
        """Every key, the newest first."""
        ...

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a key of what a POST would send."""
        ...

    def revoke(self, which: str) -> dict[str, Any]:
        """Let a key be used no more."""
        ...

    def rotate(self, which: str, grace: str) -> dict[str, Any]:
        """Make a key in the place of another one."""
        ...

    def audit(self, limit: int) -> list[dict[str, Any]]:
        """What was done, the newest first."""
        ...


class ServerKeys:
    """Asks a server, with the key in MODELPORT_KEY."""

    def __init__(self, url: str):
        self._url = url

    def keys(self) -> list[dict[str, Any]]:
        return self._ask("GET", "/v2/keys")["keys"]

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", "/v2/keys", asked)

    def revoke(self, which: str) -> dict[str, Any]:
        return self._ask("DELETE", f"/v2/keys/{quote(which, safe='')}")

    def rotate(self, which: str, grace: str) -> dict[str, Any]:
        return self._ask("POST", f"/v2/keys/{quote(which, safe='')}/rotate", {"grace": grace})

    def audit(self, limit: int) -> list[dict[str, Any]]:
        return self._ask("GET", "/v2/audit", query={"limit": str(limit)})["records"]

    def _ask(
        self, method: str, path: str, sent: dict[str, Any] | None = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        body = Body() if sent is None else Body(json=msgspec.json.encode(sent))
        request = Request(method, path, query or {}, body=body, repeatable=method == "GET")
        with ServerConnection(self._url) as server:
            return server.run(exchange(request, server.calls.deadline())).json()


class DatabaseKeys:
    """Opens the database that settings name, for one command."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def keys(self) -> list[dict[str, Any]]:
        now = time()
        return [_plain(key, now) for key in self._run(lambda database: KeyStore(database).list())]

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        new = new_key(msgspec.convert(asked, resources.NewKey))
        return _made(self._run(lambda database: KeyStore(database).create(new, audit.OUTSIDE)))

    def revoke(self, which: str) -> dict[str, Any]:
        key = self._run(lambda database: KeyStore(database).revoke(which, audit.OUTSIDE))
        return _plain(key, time())

    def rotate(self, which: str, grace: str) -> dict[str, Any]:
        seconds = seconds_of(grace)
        return _made(self._run(lambda database: KeyStore(database).rotate(which, seconds, audit.OUTSIDE)))

    def audit(self, limit: int) -> list[dict[str, Any]]:
        page = self._run(lambda database: audit.page(database, limit))
        return [to_builtins(record_body(record)) for record in page.records]

    def _run(self, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
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


def _plain(key: Key, now: float) -> dict[str, Any]:
    return to_builtins(key_body(key, now))


def _made(made: tuple[Key, str]) -> dict[str, Any]:
    return to_builtins(made_body(made))
