"""The keys of `modelport keys …`: those of a running server, or those of a database, with or without one."""

from __future__ import annotations

from time import time
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from msgspec import to_builtins

from modelport.api.identity_routes import key_body, made_body, new_key, record_body
from modelport.api.resources import identity as resources
from modelport.api.usage_routes import MAX_PAGE, usage_body
from modelport.cli.identity_sources import AskedServer, OpenedDatabase
from modelport.identity import audit
from modelport.identity.keys import Key, KeyStore
from modelport.identity.names import names_of
from modelport.settings.written import seconds_of
from modelport.storage.database import Database
from modelport.telemetry.usage import Asked
from modelport.telemetry.usage import page as usage_page


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

    def usage(self, days: int) -> list[dict[str, Any]]:
        """Who has used what, the newest day first."""
        ...


class ServerKeys(AskedServer):
    """Those of a server."""

    def keys(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/v2/keys")["keys"]

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self.ask("POST", "/v2/keys", asked)

    def revoke(self, which: str) -> dict[str, Any]:
        return self.ask("DELETE", f"/v2/keys/{quote(which, safe='')}")

    def rotate(self, which: str, grace: str) -> dict[str, Any]:
        return self.ask("POST", f"/v2/keys/{quote(which, safe='')}/rotate", {"grace": grace})

    def audit(self, limit: int) -> list[dict[str, Any]]:
        return self.ask("GET", "/v2/audit", query={"limit": str(limit)})["records"]

    def usage(self, days: int) -> list[dict[str, Any]]:
        query, found = {"days": str(days), "limit": str(MAX_PAGE)}, list[dict[str, Any]]()
        while True:
            page = self.ask("GET", "/v2/usage", query=query)
            found += page["usage"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]


class DatabaseKeys(OpenedDatabase):
    """Those of a database."""

    def keys(self) -> list[dict[str, Any]]:
        now = time()
        return [_plain(key, now) for key in self.run(lambda database: KeyStore(database).list())]

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        new = new_key(msgspec.convert(asked, resources.NewKey))
        return _made(self.run(lambda database: KeyStore(database).create(new, audit.OUTSIDE)))

    def revoke(self, which: str) -> dict[str, Any]:
        key = self.run(lambda database: KeyStore(database).revoke(which, audit.OUTSIDE))
        return _plain(key, time())

    def rotate(self, which: str, grace: str) -> dict[str, Any]:
        seconds = seconds_of(grace)
        return _made(self.run(lambda database: KeyStore(database).rotate(which, seconds, audit.OUTSIDE)))

    def audit(self, limit: int) -> list[dict[str, Any]]:
        async def found(database: Database) -> list[dict[str, Any]]:
            records = (await audit.page(database, limit)).records
            names = await names_of(database, (one.principal for one in records))
            return [to_builtins(record_body(one, names)) for one in records]

        return self.run(found)

    def usage(self, days: int) -> list[dict[str, Any]]:
        async def found(database: Database) -> list[dict[str, Any]]:
            rows = (await usage_page(database, Asked(days=days), 1 << 31)).rows
            names = await names_of(database, (row.principal for row in rows))
            return [to_builtins(usage_body(row, names)) for row in rows]

        return self.run(found)


def _plain(key: Key, now: float) -> dict[str, Any]:
    return to_builtins(key_body(key, now))


def _made(made: tuple[Key, str]) -> dict[str, Any]:
    return to_builtins(made_body(made))
