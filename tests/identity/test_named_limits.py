"""Limits of roles, users, subjects, certificates and names of a proxy, at two servers of a database."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from certificates import Authority
from cryptography import x509
from issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuing
from postgres_server import Postgres
from serving import MODELS, Server, serving, wait_until
from user_site import PASSWORD, logged_in, page_of

from modelport.cli.keys_store import DatabaseKeys
from modelport.cli.users_store import DatabaseUsers
from modelport.settings import Settings

PREDICT = "/v2/models/echo/predict"
SAID = """
auth = "on"
rate = "1000/h"
oidc_issuer = "{issuer}"
oidc_audience = ["models"]
oidc_client_id = "{client}"
oidc_client_secret = "{secret}"
trusted_proxies = ["127.0.0.1"]
proxy_user_header = "X-Forwarded-User"
proxy_user_scopes = "predict read"

[oidc_scopes]
"*" = "predict read"

[limits]
"proxy:*" = "rate 8/h"
"proxy:ada" = "rate 4/h"
"oidc:*" = "rate 7/h"
"role:admin" = "rate 0"

[limits.role.user]
rate = "6/h"
max_calls_at_once = 1

[limits."role:developer"]
max-queued-jobs-per-principal = 1

[limits.user.Carol]
rate = "5/h"

[limits."oidc:u-1"]
rate = "3/h"

[limits."oidc:u-big"]
rate = "0"
bytes_per_day = "4k"
"""
TLS = """
[limits.certificate."dns:SHOP.example"]
rate = "4/h"

[limits."certificate:*"]
rate = "9/h"

[tls_clients]
"dns:shop.example" = "predict read"
"cn:lab" = "predict read"
"""


class Site:
    """Two servers of one database, the first of which speaks TLS, and everybody who may come in."""

    def __init__(
        self, first: Server, second: Server, issuer: Issuer, authority: Authority, settings: Settings
    ):
        self.servers = (first, second)
        self.issuer = issuer
        self.authority = authority
        self.settings = settings

    def bearer(self, who: str) -> dict[str, str]:
        """What somebody sends: a user, or a subject of the issuer."""
        kind, _, name = who.partition(":")
        token = self.issuer.token(sub=name)
        if kind == "user":
            token = logged_in(self.servers[1], name)["access_token"]
        return {"authorization": f"Bearer {token}"} if kind != "proxy" else {"x-forwarded-user": name}

    def key(self, **quotas: Any) -> dict[str, str]:
        asked = {"name": f"of {quotas}", "scopes": ["predict", "read"], "quotas": quotas}
        sent = {"x-api-key": DatabaseKeys(self.settings).create(asked)["key"]}
        for server in self.servers:
            wait_until(lambda one=server: one.client.get("/v2/models/", headers=sent).is_success, lambda: "")
        return sent

    def client(self, *names: x509.GeneralName, common_name: str = "somebody") -> httpx.Client:
        context = ssl.create_default_context(cafile=self.authority.file)
        pair = self.authority.pair(common_name, *names)
        context.load_cert_chain(pair.cert, pair.key)
        return httpx.Client(base_url=self.servers[0].url, verify=context, timeout=30.0)


@pytest.fixture(scope="module")
def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("named")
    authority = Authority(folder)
    pair = authority.pair()
    settings = Settings(database_url=postgres.new_database(), data_dir=str(folder / "jobs"))
    users = DatabaseUsers(settings)
    for name, role in (("anna", "admin"), ("bob", "user"), ("carol", "user"), ("dave", "developer")):
        users.create({"name": name, "password": PASSWORD, "role": role})
    with issuing() as issuer, contextlib.ExitStack() as stack:
        said = SAID.format(issuer=issuer.url, client=CLIENT_ID, secret=CLIENT_SECRET)
        tls = f'tls_cert = "{pair.cert}"\ntls_key = "{pair.key}"\ntls_client_ca = "{authority.file}"\n'
        (folder / "first.toml").write_text(f'{tls}tls_client_certs = "optional"\n{said}{TLS}')
        (folder / "second.toml").write_text(said)
        trusting = ssl.create_default_context(cafile=authority.file)
        models = (f"echo={MODELS / 'echoes.py'}:Echo", f"slow={MODELS / 'trainable.py'}:Trainable")
        servers = [
            stack.enter_context(
                serving(
                    *models, "--config", str(folder / f"{name}.toml"), "--database-url",
                    str(settings.database_url), "--data-dir", str(folder / name), verify=verify,
                )
            )
            for name, verify in (("first", trusting), ("second", None))
        ]  # fmt: skip
        yield Site(servers[0], servers[1], issuer, authority, settings)


@pytest.mark.parametrize(
    ("who", "rate"),
    [
        ("user:bob", 6),  # of the role
        ("user:carol", 5),  # of the user, before that of the role
        ("user:dave", 1000),  # of the server: the role says nothing of it
        ("oidc:u-1", 3),
        ("oidc:u-2", 7),
        ("proxy:ada", 4),
        ("proxy:bob", 8),  # who is another one than the user
    ],
)
def test_the_nearest_limit_counts_at_all_servers_of_a_database(site: Site, who: str, rate: int) -> None:
    sent = site.bearer(who)
    answers = [
        site.servers[number % 2].client.post(PREDICT, json={"number": number}, headers=sent)
        for number in range(min(2 * rate + 2, 20))
    ]
    let_in = [answer for answer in answers if answer.status_code == 200]
    assert len(let_in) == min(rate, len(answers)), [answer.text for answer in answers]
    for answer in let_in:
        assert answer.headers["ratelimit-policy"] == f'"requests";q={rate};w=3600'
        assert answer.headers["ratelimit"].startswith('"requests";r=')
    for answer in answers:
        if answer not in let_in:
            assert answer.status_code == 429
            assert answer.json()["detail"].startswith(f"{rate} requests in 3600 s may come from you")
            assert answer.headers["ratelimit"].startswith('"requests";r=0;t=')


def test_who_has_used_up_their_rate_logs_out_nevertheless(site: Site) -> None:
    DatabaseUsers(site.settings).create({"name": "hugo", "password": PASSWORD, "role": "user"})
    sent = site.bearer("user:hugo")
    client = site.servers[1].client
    assert {client.get("/v2/me", headers=sent).status_code for _ in range(8)} == {200, 429}
    assert client.get("/v2/logout", headers=sent).status_code == 429
    assert client.post("/v2/logout", headers=sent).status_code == 204
    wait_until(lambda: client.get("/v2/me", headers=sent).status_code == 401, lambda: "")


def test_a_limit_of_zero_is_none_and_a_key_has_its_own_alone(site: Site) -> None:
    answer = site.servers[1].client.get("/v2/models/", headers=site.bearer("user:anna"))
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers
    for own, rate in ({}, 1000), ({"rate": "50/h"}, 50):
        answer = site.servers[1].client.get("/v2/models/", headers=site.key(**own))
        assert answer.headers["ratelimit-policy"] == f'"requests";q={rate};w=3600'


def test_certificates_have_their_limits_by_the_name_that_is_known(site: Site) -> None:
    with site.client(x509.DNSName("Shop.example")) as shop, site.client(common_name="lab") as lab:
        answers = [shop.post(PREDICT, json={"number": 1}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429]
        assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"requests";q=4;w=3600'}
        assert lab.post(PREDICT, json={"number": 1}).headers["ratelimit-policy"] == '"requests";q=9;w=3600'


def test_calls_at_once_and_jobs_that_wait_are_those_of_the_role(site: Site) -> None:
    server, url = site.servers[1], httpx.URL(site.servers[1].url)
    DatabaseUsers(site.settings).create({"name": "erin", "password": PASSWORD, "role": "user"})
    user, developer = site.bearer("user:erin"), site.bearer("user:dave")
    fields = f"host: localhost\r\nauthorization: {user['authorization']}\r\ncontent-length: 9"
    with socket.create_connection((url.host, url.port or 0), timeout=60) as one:
        one.sendall(f"POST {PREDICT} HTTP/1.1\r\n{fields}\r\nexpect: 100-continue\r\n\r\n".encode())
        assert one.recv(1000).startswith(b"HTTP/1.1 100"), "the call is under way"
        refused = server.client.post(PREDICT, json={}, headers=user)
        assert refused.status_code == 429
        assert "1 calls of yours may be under way at once" in refused.json()["detail"]
    accepted = 0  # as many as both servers have places for: those do not wait
    while (
        train := server.client.post("/v2/models/slow/train", json={"seconds": 60}, headers=developer)
    ).status_code == 200:
        accepted += 1
        assert accepted < 20, "somebody's jobs wait without a limit"
    assert train.status_code == 429
    assert "1 of your jobs wait already" in train.json()["detail"]
    for job in server.client.get("/v2/jobs", headers=developer).json()["jobs"]:
        server.client.delete(f"/v2/jobs/{job['id']}", headers=developer)


def test_bytes_of_a_day_are_those_of_the_subject(site: Site) -> None:
    sent = site.bearer("oidc:u-big")
    client = site.servers[1].client
    assert client.post(PREDICT, json={"characters": 6000}, headers=sent).status_code == 200

    def is_over() -> bool:
        answer = client.get("/v2/models/", headers=sent)
        return answer.status_code == 429 and answer.headers["ratelimit"].startswith('"bytes";r=0')

    wait_until(is_over, lambda: site.servers[1].log)


def test_the_page_of_somebody_shares_what_their_token_has_left(site: Site) -> None:
    server = site.servers[1]
    DatabaseUsers(site.settings).create({"name": "frank", "password": PASSWORD, "role": "user"})
    with page_of(server, "frank") as page:
        seen = page.get("/v2/me").headers["ratelimit"]
    answer = server.client.get("/v2/me", headers=site.bearer("user:frank"))
    assert (seen.split(";")[1], answer.headers["ratelimit"].split(";")[1]) == ("r=5", "r=4")
    site.issuer.user = {"sub": "u-3", "preferred_username": "grace"}
    with httpx.Client(base_url=server.url, timeout=30.0, follow_redirects=True) as browser:
        assert browser.get("/v2/login/oidc").status_code == 200
        seen = browser.get("/v2/me").headers["ratelimit-policy"]
    assert seen == '"requests";q=7;w=3600'
