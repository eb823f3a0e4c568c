"""Users by the command line, and the Python clients with which they log in."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from serving import environment, wait_until
from user_site import NUMBER, OTHER, PASSWORD, PREDICT, Site, client_of, logged_in, serving_users

from modelport.client import AsyncClient, Client, RequestRefused


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving_users(tmp_path_factory.mktemp("data")) as site:
        yield site


def users(*arguments: str, data: Path | None = None, typed: str = "", **variables: str) -> Any:
    """How `modelport users …` ended, with what was typed."""
    command = [sys.executable, "-m", "modelport", "users", *arguments]
    command += ["--data-dir", str(data)] if data is not None else []
    return subprocess.run(
        command,
        env=environment(**variables),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_users_are_made_and_changed_by_commands_while_a_server_runs(site: Site) -> None:
    made = users(
        "create", "typed", "--role", "developer", "--models", "echo", data=site.data, typed=f"{PASSWORD}\n"
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout == "typed: developer on echo, active\n"
    tokens = logged_in(site.server, "typed")
    with client_of(site.server, tokens["access_token"]) as typed:
        assert typed.post(PREDICT, json=NUMBER).status_code == 200
        assert users("disable", "typed", data=site.data).returncode == 0
        wait_until(lambda: typed.post(PREDICT, json=NUMBER).status_code == 401, lambda: site.server.log)
    assert users("enable", "typed", data=site.data).returncode == 0
    assert users("passwd", "typed", data=site.data, typed=f"{OTHER}\n").returncode == 0
    assert logged_in(site.server, "typed", OTHER)["scope"] == "predict promote read train"
    listed = json.loads(users("--json", data=site.data).stdout)
    assert {"anna", "typed"} <= {user["name"] for user in listed}
    assert "typed" in users(data=site.data).stdout
    assert {("users.change", ""), ("users.create", "")} <= set(site.actions())


def test_commands_ask_a_server_with_an_administrators_key(site: Site) -> None:
    key = site.admin.post("/v2/keys", json={"name": "for commands", "scopes": ["admin"]}).json()["key"]
    with client_of(site.server, key) as client:
        wait_until(lambda: client.get("/v2/me").status_code == 200, lambda: site.server.log)
    asked = {"MODELPORT_KEY": key, "MODELPORT_URL": site.server.url}
    assert users("create", "remote", typed=f"{PASSWORD}\n", **asked).returncode == 0
    done = users("role", "remote", "developer", "--models", "echo", **asked)
    assert done.stdout == "remote: developer on echo, active\n"
    assert "every session" in done.stderr
    assert users("delete", "remote", **asked).returncode == 0
    gone = users("delete", "remote", **asked)
    assert (gone.returncode, "there is no user 'remote'" in gone.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("create", "a"), "", "first line of the input"),
        (("create", "a"), "short\n", "10 to 1000 characters"),
        (("create", "a/b"), f"{PASSWORD}\n", "name"),
        (("create", "a", "--role", "king"), f"{PASSWORD}\n", "'king' is not one of"),
        (("role", "a", "user", "--models", "b", "--all-models"), "", "give one of them"),
        (("disable", "none"), "", "there is no user 'none'"),
    ],
)
def test_wrong_commands_say_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], typed: str, words: str
) -> None:
    done = users(*arguments, data=tmp_path, typed=typed)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_logs_in_and_goes_on(site: Site) -> None:
    site.user("programmer", "developer")
    with Client(site.server.url, user="programmer", password=PASSWORD) as client:
        assert client.predict("echo", number=3)["number"] == 3
        with ThreadPoolExecutor(4) as threads:  # with one token, which none of them renews under the others
            answers = list(threads.map(lambda n: client.predict("echo", number=n)["number"], range(20)))
        assert answers == list(range(20))
        site.admin.patch("/v2/users/programmer", json={"role": "user"})
        wait_until(lambda: client.predict("echo", number=4)["number"] == 4, lambda: site.server.log)
        site.admin.patch("/v2/users/programmer", json={"disabled": True})
        with pytest.raises(RequestRefused, match="the name or the password is wrong"):
            # The end of a session is known to the server soon, and no call fails before.
            wait_until(lambda: client.predict("echo", number=5)["number"] != 5, lambda: site.server.log)


def test_a_password_follows_no_redirect() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": "http://elsewhere.example/v2/token"})

    transport = httpx.MockTransport(answer)
    client = Client("http://here", user="a", password="b", follow_redirects=True, transport=transport)
    with client, pytest.raises(RequestRefused):
        client.models()
    assert asked == ["here"]


def test_a_client_that_awaits_logs_in_too(site: Site) -> None:
    async def ask() -> list[int]:
        async with AsyncClient(site.server.url, user="anna", password=PASSWORD) as client:
            answers = await asyncio.gather(*(client.predict("echo", number=n) for n in range(10)))
            return [answer["number"] for answer in answers]

    assert asyncio.run(ask()) == list(range(10))


def test_a_token_that_grows_old_is_renewed_and_not_by_the_password(site: Site) -> None:
    asked: list[dict[str, list[str]]] = []

    def seen(request: httpx.Request) -> None:
        if request.url.path == "/v2/token":
            asked.append(parse_qs(request.content.decode()))

    with Client(site.server.url, user="anna", password=PASSWORD, event_hooks={"request": [seen]}) as client:
        client.models()
        login: Any = client._connection.http.auth  # pyright: ignore[reportPrivateUsage]
        for _ in range(2):
            login._old_at = 0.0  # as if most of its time had passed
            client.models()
    assert [one["grant_type"] for one in asked] == [["password"], ["refresh_token"], ["refresh_token"]]


@pytest.mark.parametrize(
    "given", [{"user": "a"}, {"password": "b"}, {"user": "a", "password": "b", "key": "mpk_c"}]
)
def test_a_client_is_told_who_asks_in_one_way(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="by a key, or by user and password together"):
        Client("http://127.0.0.1:1", **given)  # pyright: ignore[reportArgumentType]
