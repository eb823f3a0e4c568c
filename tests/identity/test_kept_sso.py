"""`modelport login --sso`: logging in at the issuer of a server, in a browser that a script plays."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import kept_home
import pytest
from issuer import COMMAND_ID, Issuer, issuing, trusting
from kept_home import grow_old, kept_file
from serving import MODELS, Server, environment, serving

from modelport.client import AsyncClient, Client, ConnectionFailed, RequestRefused
from modelport.client.issuers import Issuer as IssuerOfCommands
from modelport.client.issuers import new_attempt

FOLLOWS = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=20).read()
except urllib.error.HTTPError:
    pass  # a page that says what is wrong
"""


class Site:
    """A server that takes the tokens of an issuer, and names it a client for commands."""

    def __init__(self, server: Server, issuer: Issuer):
        self.server = server
        self.issuer = issuer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    with issuing() as issuer:
        own = (
            *trusting(issuer, data),
            "--oidc-scopes", "*=predict read on echo", "--oidc-command-client-id", COMMAND_ID,
        )  # fmt: skip
        with serving(f"echo={MODELS / 'echoes.py'}:Echo", *own) as server:
            yield Site(server, issuer)


@pytest.fixture
def issuer(site: Site) -> Iterator[Issuer]:
    """The issuer, which is after a test as it was before."""
    one = site.issuer
    yield one
    if one._server is None:
        one.begin()
    one.raw.clear()
    one.changes.clear()
    one.denies, one.gives_refresh, one.lasts = "", True, 300


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of configurations of whoever logs in here, with a browser that follows where it is sent."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MODELPORT_KEY", raising=False)
    script = tmp_path / "browser"
    script.write_text(f"#!{sys.executable}\n{FOLLOWS}")
    script.chmod(0o700)
    return tmp_path


def command(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command there, whose browser is a script."""
    return kept_home.command(home, *arguments, **{"BROWSER": str(home / "browser")} | variables)


@pytest.mark.slow
def test_who_logs_in_at_the_issuer_asks_with_commands_and_clients(home: Path, site: Site) -> None:
    url, issuer = site.server.url, site.issuer
    done = command(home, "login", url, "--sso")
    assert done.stdout == f"{url} knows you as the token 'ada': predict, read on echo\n", done.stderr
    assert f"{issuer.url}/authorize?response_type=code" in done.stderr
    file = kept_file(home)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    kept = json.loads(file.read_text())
    assert kept["refresh_token"] in issuer.refresh_tokens
    assert kept["token"] not in done.stdout + done.stderr
    assert command(home, "runs", "--url", url).returncode == 0
    grow_old(home)
    with Client(url) as one, Client(url) as other:
        assert one.predict("echo", number=3)["number"] == 3
        renewed = json.loads(file.read_text())
        assert other.predict("echo", number=4)["number"] == 4
    assert (renewed["token"] != kept["token"], renewed["user"]) == (True, "ada")
    assert kept["refresh_token"] not in issuer.refresh_tokens
    done = command(home, "logout", url)
    assert done.stdout == f"what was kept for {url} is forgotten; {issuer.url} renews it no more\n"
    assert issuer.revoked[-1] == renewed["refresh_token"]
    assert not file.exists()


@pytest.mark.anyio
async def test_a_client_that_awaits_renews_it_at_the_issuer(home: Path, site: Site) -> None:
    assert command(home, "login", site.server.url, "--sso").returncode == 0
    grow_old(home)
    async with AsyncClient(site.server.url) as client:
        assert (await client.predict("echo", number=5))["number"] == 5
    assert json.loads(kept_file(home).read_text())["old_at"] > time.time()


@pytest.mark.slow
def test_who_cannot_be_renewed_is_told_what_to_do(home: Path, site: Site, issuer: Issuer) -> None:
    url = site.server.url
    issuer.gives_refresh = False
    assert command(home, "login", url, "--sso").returncode == 0
    with Client(url) as client:
        assert client.predict("echo", number=3)["number"] == 3
    grow_old(home)
    ended = f"the log-in at {url} has ended: log in with `modelport login {url} --sso`"
    assert ended in command(home, "runs", "--url", url).stderr
    assert "holds there until it expires" in command(home, "logout", url).stdout
    issuer.gives_refresh = True
    assert command(home, "login", url, "--sso").returncode == 0
    grow_old(home)
    issuer.end()
    with (
        Client(url) as client,
        pytest.raises(ConnectionFailed, match=f"the issuer {issuer.url} cannot be asked"),
    ):
        client.predict("echo", number=3)
    issuer.begin()
    issuer.refresh_tokens.clear()
    with Client(url) as client, pytest.raises(RequestRefused, match="has ended: log in with"):
        client.predict("echo", number=3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"denies": "access_denied"}, "has not let you in (access_denied): begin again as somebody who may"),
        (
            {"raw": {"token": (401, {}, b'{"error": "invalid_client"}')}},
            "must be a public one there, without",
        ),
        ({"raw": {"token": (200, {}, b'{"access_token": "opaque"}')}}, "it is no signed JWT"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_is_kept(
    home: Path, site: Site, issuer: Issuer, changes: dict[str, Any], words: str
) -> None:
    for name, value in changes.items():
        setattr(issuer, name, value)
    done = command(home, "login", site.server.url, "--sso")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(home.rglob("*.json"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "https://other.example"}, "calls itself otherwise in its document"),
        ({"token_endpoint": "http://other.example/"}, "the token_endpoint of the issuer .* is no https URL"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "the authorization_endpoint of the issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not take PKCE with S256"),
    ],
)
def test_a_document_that_leads_elsewhere_is_not_followed(
    issuer: Issuer, changes: dict[str, Any], words: str
) -> None:
    issuer.changes = changes
    with pytest.raises(ConnectionFailed, match=words):
        IssuerOfCommands(issuer.url, COMMAND_ID).doors()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {}, b'{"error": "invalid_grant"}'), "refuses: invalid_grant"),
        ((400, {}, b'{"error": "<b>"}'), "refuses: HTTP 400"),
        ((500, {}, b"<html>"), "refuses: HTTP 500"),
        ((302, {"location": "https://elsewhere.example"}, b""), "refuses: HTTP 302"),
        ((200, {}, b"[]"), "has answered without an access token"),
        ((200, {}, b'{"access_token": "a\\nb"}'), "has answered without an access token"),
        ((200, {}, b'"' + b"x" * (1 << 20) + b'"'), "is slow, or answers too much"),
    ],
)
def test_an_answer_that_is_no_token_is_none(issuer: Issuer, answer: Any, words: str) -> None:
    issuer.raw["token"] = answer
    one = IssuerOfCommands(issuer.url, COMMAND_ID)
    with pytest.raises((ConnectionFailed, RequestRefused), match=words):
        one.exchange(one.doors(), new_attempt(), "http://127.0.0.1:1/callback", "code")


@pytest.mark.slow
def test_an_issuer_that_is_away_and_a_server_without_one(home: Path, site: Site, issuer: Issuer) -> None:
    issuer.end()
    done = command(home, "login", site.server.url, "--sso")
    assert (done.returncode, f"the issuer {issuer.url} cannot be asked now" in done.stderr) == (1, True)
    issuer.begin()
    done = command(home, "login", site.server.url, "--sso", "--user", "ada")
    assert (done.returncode, "takes no name, password or key" in done.stderr) == (2, True)
    with serving(f"echo={MODELS / 'echoes.py'}:Echo") as server:
        done = command(home, "login", server.url, "--sso")
    assert (done.returncode, "its setting oidc_command_client_id names" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "name", ["javascript:alert(1)", "https://\x1b[31mevil", "http://example.org", "https:"]
)
def test_an_issuer_that_is_none_is_neither_asked_nor_shown_as_it_is(name: str) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        IssuerOfCommands(name, "a").doors()
    assert "\x1b" not in str(caught.value)


class Waiting:
    """A command that waits for a browser which nobody opens."""

    def __init__(self, home: Path, site: Site, wait: str):
        own = {"XDG_CONFIG_HOME": str(home), "BROWSER": ""}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelport", "login", site.server.url, "--sso", "--wait", wait],
            env={**environment(**own), "DISPLAY": "", "WAYLAND_DISPLAY": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.said = ""
        while "open it yourself" not in self.said:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        self.page = next(line.strip() for line in self.said.splitlines() if "/authorize?" in line)
        self.asked = dict(parse_qsl(urlsplit(self.page).query))

    def back(self, **fields: str) -> httpx.Response:
        return httpx.get(f"{self.asked['redirect_uri']}?{urlencode(fields)}", timeout=20)

    def end(self) -> tuple[int, str]:
        """How it ends, and what it has said since."""
        out, more = self.process.communicate(timeout=60)
        return self.process.returncode, out + more


@pytest.mark.slow
def test_what_is_of_another_log_in_is_waited_on(home: Path, site: Site) -> None:
    one = Waiting(home, site, "60")
    assert "there is no display here" in one.said
    there = urlsplit(one.asked["redirect_uri"])
    with socket.create_connection(("127.0.0.1", there.port or 0)):  # which says nothing, and holds up nobody
        for fields in ({"state": "other", "code": "<b>"}, {"code": "a"}, {"error": "access_denied"}, {}):
            answer = one.back(**fields)
            assert answer.status_code == 400
            assert "another log-in" in answer.text
            assert "<b>" not in answer.text
        twice = f"{one.asked['redirect_uri']}?state={one.asked['state']}&code=a&code=b"
        assert httpx.get(twice, timeout=60.0).status_code == 400
        assert httpx.get(f"http://127.0.0.1:{there.port}/favicon.ico", timeout=60.0).status_code == 404
        assert httpx.post(one.asked["redirect_uri"], timeout=60.0).status_code == 501
        answer = httpx.get(one.page, follow_redirects=True, timeout=60.0)
    assert (answer.status_code, "This page can be closed" in answer.text) == (200, True)
    assert answer.headers["cache-control"] == "no-store"
    status, said = one.end()
    assert (status, "knows you as the token 'ada'" in said) == (0, True), said
    assert "Traceback" not in said


@pytest.mark.slow
def test_nobody_is_waited_for_longer_than_was_said(home: Path, site: Site) -> None:
    one, other, third = (Waiting(home, site, wait) for wait in ("1", "30", "60"))
    status, said = one.end()
    assert (status, "nobody has come back from the issuer within 1 s" in said) == (1, True)
    assert "ssh -L PORT:127.0.0.1:PORT" in said
    assert other.back(state=other.asked["state"], code="a", iss="https://evil.example").status_code == 200
    status, said = other.end()
    assert (status, f"another issuer than {site.issuer.url} has answered" in said) == (1, True)
    assert third.back(state="wrong").status_code == 400
    third.process.send_signal(2)
    status, said = third.end()
    assert "Traceback" not in said
    assert not list(home.rglob("*.json"))
