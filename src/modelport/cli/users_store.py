"""The users of `modelport users …`: those of a server, or those of a database, with or without one."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from msgspec import to_builtins

from modelport.api.resources import users as resources
from modelport.api.user_routes import changed, new_user, user_body
from modelport.cli.identity_sources import AskedServer, OpenedDatabase
from modelport.identity.accounts import Accounts
from modelport.identity.audit import OUTSIDE
from modelport.identity.users import User, UserStore


class UserSource(Protocol):
    """Whose users. Answers are the JSON of the resource `/v2/users`."""

    def users(self) -> list[dict[str, Any]]:
        """Every user, by name."""
        ...

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a user of what a POST would send."""
        ...

    def change(self, which: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Change a user by what a PATCH would send."""
        ...

    def delete(self, which: str) -> dict[str, Any]:
        """Remove a user."""
        ...


class ServerUsers(AskedServer):
    """Those of a server."""

    def users(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/v2/users")["users"]

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self.ask("POST", "/v2/users", asked)

    def change(self, which: str, asked: dict[str, Any]) -> dict[str, Any]:
        return self.ask("PATCH", f"/v2/users/{quote(which, safe='')}", asked)

    def delete(self, which: str) -> dict[str, Any]:
        return self.ask("DELETE", f"/v2/users/{quote(which, safe='')}")


class DatabaseUsers(OpenedDatabase):
    """Those of a database."""

    def users(self) -> list[dict[str, Any]]:
        return [_plain(user) for user in self.run(lambda database: UserStore(database).list())]

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        new = new_user(msgspec.convert(asked, resources.NewUser))
        return _plain(self.run(lambda database: Accounts(lambda: database).create(new, OUTSIDE)))

    def change(self, which: str, asked: dict[str, Any]) -> dict[str, Any]:
        change = msgspec.convert(asked, resources.UserChange)
        return _plain(self.run(lambda database: changed(Accounts(lambda: database), which, change, OUTSIDE)))

    def delete(self, which: str) -> dict[str, Any]:
        return _plain(self.run(lambda database: UserStore(database).delete(which, OUTSIDE)))


def _plain(user: User) -> dict[str, Any]:
    return to_builtins(user_body(user))
