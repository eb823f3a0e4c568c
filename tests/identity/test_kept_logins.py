"""`modelport login` and `logout`, and what commands and clients find of it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kept_home import command, grow_old, kept_file
from serving import environment, serving, wait_until
from user_site import MODEL, OTHER, PASSWORD, Site, client_of, serving_users

from modelport.client import AsyncClient, Client, RequestRefused


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving_users(tmp_path_factory.mktemp("data")) as site:
        yield site


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of configurations of whoever logs in here, of commands and of clients in this process."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MODELPORT_KEY", raising=False)
    return tmp_path


def log_in(home: Path, site: Site, name: str, password: str = PASSWORD) -> None:
    done = command(home, "login", site.server.url, "--user", name, "--password-stdin", typed=f"{password}\n")
    assert done.returncode == 0, done.stderr


def test_who_has_logged_in_asks_with_commands_and_clients_until_the_log_out(home: Path, site: Site) -> None:
    site.user("keeper", "developer", models=["echo"])
    url = site.server.url
    done = command(home, "login", f"{url}/", "--user", "keeper", "--password-stdin", typed=f"{PASSWORD}\n")
    assert done.stdout == (f"{url} knows you as the user 'keeper': predict, promote, read, train on echo\n")
    file = kept_file(home)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert PASSWORD not in file.read_text()
    listed = command(home, "runs", "--url", url)
    assert listed.returncode == 0, listed.stderr
    with Client(f"{url}/") as client:
        assert client.predict("echo", number=3)["number"] == 3
        assert client._connection.http.get("/v2/me").json()["name"] == "keeper"  # pyright: ignore[reportPrivateUsage]
    with Client(url, key="") as nobody, pytest.raises(RequestRefused, match="modelport login"):
        nobody.predict("echo", number=3)
    refused = command(home, "runs", "--url", url, MODELPORT_KEY="mpk_wrong")
    assert (refused.returncode, "the key is not valid" in refused.stderr) == (1, True)

    token = json.loads(file.read_text())["token"]
    done = command(home, "logout", url)
    assert done.stdout == f"what was kept for {url} is forgotten; the session of keeper has ended\n"
    assert not file.exists()
    with client_of(site.server, token) as old:
        wait_until(lambda: old.get("/v2/me").status_code == 401, lambda: site.server.log)
    assert command(home, "runs", "--url", url).returncode == 1
    again = command(home, "logout", url)
    assert (again.returncode, "you are not logged in there" in again.stderr) == (1, True)


def test_clients_that_find_an_old_token_at_once_renew_it_once(home: Path, site: Site) -> None:
    site.user("crowd")
    log_in(home, site, "crowd")
    clients = [Client(site.server.url) for _ in range(6)]
    for client in clients:
        client.models()  # so that each has its connection and the token that is kept
    for _ in range(2):
        grow_old(home)
        for client in clients:
            login: Any = client._connection.http.auth  # pyright: ignore[reportPrivateUsage]
            login._kept = login._file.read()
        before = kept_file(home).read_bytes()
        begun = threading.Barrier(len(clients) + 1)
        found: list[Any] = []

        def ask(client: Client) -> None:
            begun.wait()  # noqa: B023
            try:
                found.append(client.predict("echo", number=4)["number"])  # noqa: B023
            except Exception as error:
                found.append(error)  # noqa: B023

        threads = [threading.Thread(target=ask, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        begun.wait()
        other = command(home, "runs", "--url", site.server.url)  # of another process
        for thread in threads:
            thread.join()
        assert found == [4] * len(clients)
        assert other.returncode == 0, other.stderr
        assert kept_file(home).read_bytes() != before
    for client in clients:
        client.close()
    assert ("users.refresh_reused", "user:crowd") not in {
        (record["action"], f"user:{record['details'].get('name')}")
        for record in site.admin.get("/v2/audit", params={"limit": 1000}).json()["records"]
    }


def test_a_client_that_awaits_renews_what_is_kept(home: Path, site: Site) -> None:
    site.user("awaiting")
    log_in(home, site, "awaiting")
    grow_old(home)

    async def ask() -> list[int]:
        async with AsyncClient(site.server.url) as client, AsyncClient(site.server.url) as other:
            answers = await asyncio.gather(
                *(who.predict("echo", number=n) for n in range(6) for who in (client, other))
            )
            return sorted(answer["number"] for answer in answers)

    assert asyncio.run(ask()) == sorted([*range(6), *range(6)])
    assert json.loads(kept_file(home).read_text())["old_at"] > time.time()


def test_who_is_logged_out_by_others_is_told_how_to_log_in(home: Path, site: Site) -> None:
    site.user("changed")
    log_in(home, site, "changed")
    with Client(site.server.url) as client:
        client.models()
        site.admin.patch("/v2/users/changed", json={"password": OTHER})
        with pytest.raises(RequestRefused, match="has ended: log in with `modelport login http") as refused:
            wait_until(lambda: client.predict("echo", number=1)["number"] != 1, lambda: site.server.log)
        assert refused.value.status == 401
        log_in(home, site, "changed", OTHER)
        assert client.predict("echo", number=1)["number"] == 1  # it finds the new token
    kept_file(home).write_text("{")
    damaged = command(home, "runs", "--url", site.server.url)
    assert (damaged.returncode, "remove it, and log in again" in damaged.stderr) == (1, True)


def test_a_key_is_kept_as_well(home: Path, site: Site) -> None:
    key = site.admin.post("/v2/keys", json={"name": "kept", "scopes": ["admin"]}).json()["key"]
    with client_of(site.server, key) as client:
        wait_until(lambda: client.get("/v2/me").status_code == 200, lambda: site.server.log)
    done = command(home, "login", "--key-stdin", typed=f"{key}\n", MODELPORT_URL=site.server.url)
    assert done.stdout == f"{site.server.url} knows you as the key 'kept': admin on all models\n", done.stderr
    listed = command(home, "keys", "--json", "--url", site.server.url)
    assert [one["name"] for one in json.loads(listed.stdout)] == ["kept"]
    done = command(home, "logout", site.server.url)
    assert "the key itself goes on" in done.stdout


def test_a_password_is_asked_for_at_a_terminal_and_not_shown(home: Path, site: Site) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "modelport", "login", site.server.url],
        env=environment(XDG_CONFIG_HOME=str(home)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # else it would be asked for at the terminal of whoever runs the tests
    ) as process:
        os.close(theirs)
        shown = b""
        for prompt, typed in ((b"User: ", "anna"), (b"Password: ", PASSWORD)):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1000)
            os.write(ours, f"{typed}\n".encode())
        while b"knows you as" not in shown:
            shown += os.read(ours, 1000)
        process.wait(30)
    os.close(ours)
    assert PASSWORD.encode() not in shown
    assert kept_file(home).exists()


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        ((), "", "no terminal to ask for the password"),
        (("--password-stdin",), f"{PASSWORD}\n", "--password-stdin needs --user"),
        (("--password-stdin", "--user", "anna"), "\n", "first line of the input is to be the password"),
        (("--password-stdin", "--user", "anna"), f"{OTHER}\n", "the name or the password is wrong"),
        (("--key-stdin",), "mpk_wrong\n", "the key is not valid"),
        (("--key-stdin", "--user", "anna"), "", "choose one"),
    ],
)
def test_what_cannot_be_logged_in_with_is_not_kept(
    home: Path, site: Site, arguments: tuple[str, ...], typed: str, words: str
) -> None:
    done = command(home, "login", site.server.url, *arguments, typed=typed)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(home.rglob("*.json"))


def test_a_server_that_asks_nobody_needs_no_log_in(home: Path) -> None:
    with serving(MODEL) as server:
        done = command(home, "login", server.url, "--key-stdin", typed="mpk_any\n")
        assert (done.returncode, "asks nobody who they are" in done.stderr) == (1, True)
        done = command(home, "login", server.url, "--user", "a", "--password-stdin", typed="b\n")
        assert done.returncode == 1
        assert re.search(r"Error: http://\S+: .+", done.stderr), done.stderr
