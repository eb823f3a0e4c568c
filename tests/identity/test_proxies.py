"""Users who have logged in at a proxy, as it names them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from serving import MODELS, Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

PREDICT, BODY = "/v2/models/echo/predict", {"number": 1}


class Site:
    """A server behind a proxy at 127.0.0.1; a neighbour of that is none."""

    def __init__(self, server: Server, key: str):
        self.server = server
        self.key = key
        self.neighbour = httpx.Client(
            base_url=server.url, transport=httpx.HTTPTransport(local_address="127.0.0.2"), timeout=60.0
        )

    def statuses(self, client: httpx.Client, headers: list[tuple[str, str]]) -> set[int]:
        """What predictions are answered: the first goes the long way, the others the fast one."""
        return {client.post(PREDICT, json=BODY, headers=headers).status_code for _ in range(3)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    asked = {"name": "reader", "scopes": ["read"], "models": None, "expires": None}
    key = DatabaseKeys(Settings(data_dir=str(data))).create(asked)["key"]
    own = ("--auth", "on", "--data-dir", str(data), "--trusted-proxies", "127.0.0.1")
    users = ("--proxy-user-header", "X-Forwarded-User", "--proxy-user-scopes", "predict on echo")
    logged = ("--access-log", "json")
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", *own, *users, *logged) as server:
        site = Site(server, key)
        wait_until(lambda: site.statuses(server.client, [("x-api-key", key)]) == {403}, lambda: server.log)
        yield site
        site.neighbour.close()


def test_a_user_whom_the_proxy_names_may_do_what_its_users_may(site: Site) -> None:
    ada = [("x-forwarded-user", "ada")]
    assert site.statuses(site.server.client, ada) == {200}
    assert site.server.client.get("/v2/keys", headers=ada).status_code == 403
    basic = [*ada, ("authorization", "Basic YWRhOnNlY3JldA==")]
    assert site.statuses(site.server.client, basic) == {200}


def test_the_log_has_the_client_whom_the_proxy_has_seen(site: Site) -> None:
    forged = ("x-forwarded-for", "198.51.100.1")
    sent = [forged, ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-user", "grace")]
    for number in range(3):  # by the long way and the fast one
        begin = len(site.server.lines)
        assert site.statuses(site.server.client, [*sent, ("x-request-id", f"seen-{number}")]) == {200}
        line = site.server.wait_for_log(f".*seen-{number}.*", start=begin).group(0)
        assert '"203.0.113.7"' in line
        assert '"proxy:grace"' in line
    begin = len(site.server.lines)
    assert site.statuses(site.neighbour, [*sent, ("x-request-id", "seen-directly")]) == {401}
    line = site.server.wait_for_log(".*seen-directly.*", start=begin).group(0)
    assert '"127.0.0.2"' in line
    assert "grace" not in line


def test_jobs_are_of_the_user(site: Site) -> None:
    made = site.server.client.post(
        PREDICT, json=BODY, headers={"x-forwarded-user": "ada", "prefer": "respond-async"}
    )
    job = f"/v2/jobs/{made.json()['id']}"
    assert site.server.client.get(job, headers={"x-forwarded-user": "ada"}).status_code == 200
    assert site.server.client.get(job, headers={"x-forwarded-user": "bob"}).status_code == 404


def test_nobody_else_names_users(site: Site) -> None:
    ada = [("x-forwarded-user", "ada")]
    assert site.statuses(site.server.client, ada) == {200}  # so that it is known
    assert site.statuses(site.neighbour, ada) == {401}
    assert site.statuses(site.neighbour, [*ada, ("x-forwarded-for", "127.0.0.1")]) == {401}
    assert site.statuses(site.neighbour, [("a proxy's user".replace(" ", "-"), "ada")]) == {401}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-forwarded-user", "")],
        [("x-forwarded-user", "ada"), ("x-forwarded-user", "root")],
        [("x-forwarded-user", "a" * 201)],
        [("x-forwarded-user", "\xff")],
        [("x_forwarded_user", "ada")],
        [("x-remote-user", "ada")],
    ],
)
def test_what_names_nobody_lets_nobody_in(site: Site, headers: list[tuple[str, str]]) -> None:
    sent = [(name, value.encode("latin-1")) for name, value in headers]
    for _ in range(2):
        assert site.server.client.post(PREDICT, json=BODY, headers=sent).status_code == 401


def test_a_key_counts_before_the_name(site: Site) -> None:
    for own in (("x-api-key", site.key), ("authorization", f"Bearer {site.key}")):
        assert site.statuses(site.server.client, [("x-forwarded-user", "ada"), own]) == {403}
    wrong = [("x-forwarded-user", "ada"), ("x-api-key", "mpk_wrong")]
    assert site.statuses(site.server.client, wrong) == {401}
