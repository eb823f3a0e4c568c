"""Everybody who may ask a server or may not, each with what they show, for the walks of `test_doors`."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from issuer import Issuer
from serving import Server, wait_until
from user_site import session_name

from modelport.cli.keys_store import DatabaseKeys
from modelport.identity.principals import GRANTED, AccessScope
from modelport.identity.roles import Role
from modelport.settings import Settings

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    status_code: int
    headers: http.client.HTTPMessage
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Connection:
    """One connection to a server: a walk sends thousands of requests, and httpx takes four times as long."""

    def __init__(self, server: Server):
        parts = urlsplit(server.url)
        self.base = parts.path.rstrip("/")
        self.http = http.client.HTTPConnection(parts.netloc, timeout=30)

    def ask(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
        if body is not None:
            headers = {**headers, "content-type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        self.http.request(method, self.base + path, sent, headers)
        answer = self.http.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))


class Known:
    """Keys and users in the database of `data`, whichever server has it, and tokens of the issuer.

    `server` has that database while they are made.
    """

    def __init__(self, server: Server, data: Path, issuer: Issuer):
        self.data = data
        self.issuer = issuer
        self.tokens = {scope: issuer.token("ES256", groups=[scope]) for scope in GRANTED}
        self.foreign_token = issuer.token("EdDSA", groups=["foreign"])
        self.wrong_tokens = [
            issuer.token(groups=["admin"], exp=1),
            issuer.token(groups=["admin"], aud="others"),
            issuer.token(groups=["admin"], iss="https://example.org"),
            issuer.token(groups=["admin"], header={"kid": "none"}),
            issuer.token(groups=["admin"])[:-2],
            "eyJhbGciOiJub25lIn0." + issuer.token(groups=["admin"]).split(".")[1] + ".",
        ]
        self.store = DatabaseKeys(Settings(data_dir=str(data)))
        self.expired = self.key("expired", AccessScope.ADMIN, expires="1s")
        end = time.time() + 1
        self.keys = {scope: self.key(str(scope), scope) for scope in GRANTED}
        self.admin = self.keys[AccessScope.ADMIN]
        self.foreign = self.key("foreign", *GRANTED, models="other")
        self.revoked = self.key("revoked", AccessScope.ADMIN)
        self.store.revoke("revoked")
        with Site(server, self) as site:
            self._make(site, end)

    def _make(self, site: Site, end: float) -> None:
        server = site.server
        wait_until(lambda: site.status(self.admin) == 200 and time.time() > end, lambda: server.log)
        wait_until(lambda: site.status(self.revoked) == 401, lambda: server.log)
        self.users = {role: self.user(site, str(role), role) for role in Role}
        self.other = self.user(site, "other", Role.ADMIN, models=["other"])
        self.gone = self.user(site, "gone", Role.ADMIN)
        site.ask("PATCH", "/v2/users/gone", self.admin, json={"disabled": True})

    def user(self, site: Site, name: str, role: Role, models: list[str] | None = None) -> tuple[str, str]:
        """The token of a new user, and the cookie of their page."""
        asked = {"name": name, "password": PASSWORD, "role": role, "models": models}
        assert site.ask("POST", "/v2/users", self.admin, json=asked).status_code == 201
        given = {"username": name, "password": PASSWORD}
        token = site.ask("POST", "/v2/token", json={"grant_type": "password", **given}).json()
        answer = httpx.post(f"{site.server.url.rstrip('/')}/v2/login", json=given, timeout=60.0)
        return token["access_token"], answer.cookies[session_name(site.server)]

    def key(self, name: str, *scopes: str, models: str = "", expires: str = "") -> str:
        """A key that another process than the server makes, while that runs."""
        return made_key(self.store, name, *scopes, models=models, expires=expires)


def made_key(store: DatabaseKeys, name: str, *scopes: str, models: str = "", expires: str = "") -> str:
    """A new key of a database."""
    asked = {
        "name": name,
        "scopes": scopes,
        "models": [models] if models else None,
        "expires": expires or None,
    }
    return store.create(asked)["key"]


class Site:
    """A server that asks who one is, and whom it knows."""

    def __init__(self, server: Server, known: Known):
        self.server = server
        self.known = known
        self._connection = Connection(server)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *raised: object) -> None:
        self._connection.http.close()

    def by_page(self, method: str, path: str, cookie: str, **headers: str) -> int:
        """What a page is answered that is logged in by this cookie."""
        headers["cookie"] = f"{session_name(self.server)}={cookie}"
        body = {} if method in ("POST", "PUT", "PATCH") else None
        return self._connection.ask(method, path, headers, body).status_code

    def status(self, key: str) -> int:
        return self.ask("GET", "/v2/keys", key).status_code

    def ask(self, method: str, path: str, key: str | None = None, json: Any = None) -> Answer:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        body = {} if json is None and method in ("POST", "PUT", "PATCH") else json
        return self._connection.ask(method, path, headers, body)
