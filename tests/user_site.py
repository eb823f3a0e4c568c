"""A server with users, and how they log in, for the tests of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from serving import MODELS, Server, authorities, serving, wait_until

MODEL = f"echo={MODELS / 'echoes.py'}:Echo"
PASSWORD, OTHER = "correct horse battery", "staple of another"
PREDICT, NUMBER = "/v2/models/echo/predict", {"number": 1}


def session_name(server: Server) -> str:
    """What the cookie of a session is called that this server gives."""
    return f"modelport_session_{urlsplit(server.url).port}"


def link_of(server: Server) -> str:
    """The token of the link that a server has printed when it started."""
    wait_until(lambda: "/v2/setup#" in server.log, lambda: server.log)
    found = re.search(r"(http://[^ ]+)/v2/setup#(\S+) makes", server.log)
    assert found is not None, server.log
    assert found[1] == server.url
    return found[2]


def first_admin(server: Server, **sent: str) -> httpx.Response:
    asked = {"token": link_of(server), "username": "anna", "password": PASSWORD} | sent
    return server.client.post("/v2/setup", json=asked)


def logged_in(server: Server, name: str, password: str = PASSWORD) -> dict[str, Any]:
    """The tokens of somebody."""
    asked = {"grant_type": "password", "username": name, "password": password}
    answer = server.client.post("/v2/token", data=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def renewed(server: Server, refresh: str) -> httpx.Response:
    asked = {"grant_type": "refresh_token", "refresh_token": refresh}
    return server.client.post("/v2/token", data=asked)


def client_of(server: Server, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60.0, verify=authorities(server.url))


def log_in(server: Server, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    """What a page is answered that logs in, whose cookie nobody keeps."""
    asked = {"username": name, "password": password}
    verify = authorities(server.url)
    return httpx.post(f"{server.url}/v2/login", json=asked, headers=headers, timeout=60.0, verify=verify)


def page_of(server: Server, name: str) -> httpx.Client:
    """A browser in which somebody has logged in."""
    answer = log_in(server, name)
    assert answer.status_code == 200, answer.text
    verify = authorities(server.url)
    return httpx.Client(base_url=server.url, cookies=answer.cookies, timeout=60.0, verify=verify)


class Site:
    """A server, and its first administrator."""

    def __init__(self, server: Server, data: Path):
        self.server = server
        self.data = data
        assert first_admin(server).status_code == 201
        self.admin = client_of(server, logged_in(server, "anna")["access_token"])
        self.page = page_of(server, "anna")

    def user(self, name: str, role: str = "user", **asked: Any) -> dict[str, Any]:
        asked = {"name": name, "password": PASSWORD, "role": role} | asked
        answer = self.admin.post("/v2/users", json=asked)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def actions(self) -> list[tuple[str, str]]:
        """What the audit has, the newest first, with who has done it."""
        records = self.admin.get("/v2/audit", params={"limit": 1000}).json()["records"]
        return [(record["action"], record["principal"]) for record in records]


@contextlib.contextmanager
def serving_users(data: Path, *models: str) -> Iterator[Site]:
    """Run a server that asks who asks, of these models or the usual one, with an administrator."""
    with serving(*(models or (MODEL,)), "--auth", "on", "--data-dir", str(data)) as server:
        site = Site(server, data)
        yield site
        site.admin.close()
        site.page.close()
