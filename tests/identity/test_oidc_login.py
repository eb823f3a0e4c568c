"""Logging in at an issuer, as a browser does it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from issuer import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Issuer, issuing, trusting
from serving import MODELS, Server, serving, wait_until
from user_site import session_name

BEGIN, CALLBACK = "/v2/login/oidc", "/v2/login/oidc/callback"
OWN_PAGE = {"sec-fetch-site": "same-origin"}


def login_name(server: Server) -> str:
    """What the cookie of a log-in is called that has begun at this server."""
    return session_name(server).replace("session", "login")


class Site:
    """A server whose people log in at an issuer."""

    def __init__(self, server: Server, issuer: Issuer):
        self.server = server
        self.issuer = issuer

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.server.url, timeout=30.0)

    def begin(self, browser: httpx.Client, **query: str) -> dict[str, str]:
        """Have a browser sent to the issuer; what it says there."""
        answer = browser.get(BEGIN, params=query)
        assert answer.status_code == 303, answer.text
        there = urlsplit(answer.headers["location"])
        assert answer.headers["location"].startswith(f"{self.issuer.url}/authorize?")
        return dict(parse_qsl(there.query))

    def back(self, asked: dict[str, str]) -> str:
        """Where the issuer sends the browser."""
        return httpx.get(f"{self.issuer.url}/authorize", params=asked, timeout=60.0).headers["location"]

    def log_in(self, browser: httpx.Client, **query: str) -> httpx.Response:
        return browser.get(self.back(self.begin(browser, **query)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    with issuing() as issuer:
        own = (
            *trusting(issuer, data),
            "--oidc-client-id", CLIENT_ID, "--oidc-client-secret", CLIENT_SECRET,
            "--oidc-scopes", "groups:lab=predict read on echo", "--oidc-scopes", "groups:boss=admin",
        )  # fmt: skip
        with serving(f"echo={MODELS / 'echoes.py'}:Echo", *own) as server:
            yield Site(server, issuer)
            assert CLIENT_SECRET not in server.log


@pytest.fixture
def issuer(site: Site) -> Iterator[Issuer]:
    """The issuer, which is after a test as it was before."""
    one = site.issuer
    user = one.user
    yield one
    one.user, one.user_info, one.id_changes, one.secret = user, {}, {}, CLIENT_SECRET
    one.raw.clear()


def test_who_logs_in_at_the_issuer_has_a_session_of_the_page(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        asked = site.begin(browser, next="/docs?a=1#top")
        assert asked["redirect_uri"] == f"{site.server.url}{CALLBACK}"
        assert asked["scope"] == "openid profile email"
        assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        answer = browser.get(site.back(asked))
        assert answer.status_code == 200, answer.text
        assert 'content="0;url=/docs?a=1#top"' in answer.text
        assert answer.headers["cache-control"] == "no-store"
        cookies = answer.headers.get_list("set-cookie")
        assert [cookie for cookie in cookies if cookie.startswith(f"{login_name(site.server)}=;")]
        session = next(cookie for cookie in cookies if cookie.startswith(f"{session_name(site.server)}="))
        assert "HttpOnly" in session
        assert "SameSite=Strict" in session
        me = browser.get("/v2/me").json()
        assert (me["id"], me["name"]) == (f"oidc:{issuer.url}#u-1", "ada")
        assert (me["scopes"], me["models"]) == (["predict", "read"], ["echo"])
        assert browser.get("/v2/models/").status_code == 200
        assert browser.get("/v2/keys").status_code == 403
        assert browser.post("/v2/models/echo/predict", json={"number": 1}).status_code == 403  # who asks so?
        made = browser.post("/v2/models/echo/predict", json={"number": 1}, headers=OWN_PAGE)
        assert made.json()["number"] == 1


def test_a_page_is_told_of_the_issuer_before_anybody_has_logged_in(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        ways = browser.get("/v2/login").json()
        other = browser.get("/v2/login", headers={"host": "10.1.2.3"})
    assert ways == {"password": True, "issuer": issuer.url, "command": None}
    assert other.json() == {**ways, "issuer": None}, "it could not send them back there"


def test_jobs_of_the_page_are_those_of_the_subject(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        site.log_in(browser)
        headers = {**OWN_PAGE, "prefer": "respond-async"}
        job = browser.post("/v2/models/echo/predict", json={"number": 1}, headers=headers).json()["id"]
    token = {"authorization": f"Bearer {issuer.token(groups=['lab'])}"}
    assert site.server.client.get(f"/v2/jobs/{job}", headers=token).status_code == 200


def test_the_document_names_the_issuer_and_the_cookie(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        site.log_in(browser)
        document = browser.get("/openapi.json").json()
        swagger = browser.get("/swagger.json").json()
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"bearer", "key", "session", "issuer"}
    known = httpx.get(schemes["issuer"]["openIdConnectUrl"], timeout=60.0).json()
    assert known["issuer"] == issuer.url
    assert session_name(site.server).startswith(schemes["session"]["name"])
    needed = document["paths"]["/v2/models/echo/predict/"]["post"]["security"]
    assert needed == [{name: []} for name in schemes]
    assert set(swagger["securityDefinitions"]) == {"bearer", "key"}
    assert swagger["paths"]["/v2/models/echo/predict/"]["post"]["security"] == [{"bearer": []}, {"key": []}]


def test_logging_out_ends_the_session_for_whoever_has_its_cookie(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        site.log_in(browser)
        name = session_name(site.server)
        kept = {"cookie": f"{name}={browser.cookies[name]}"}
        assert site.server.client.get("/v2/me", headers=kept).status_code == 200
        assert browser.post("/v2/logout", headers=OWN_PAGE).status_code == 204
        assert browser.get("/v2/me").status_code == 401
        wait_until(lambda: site.server.client.get("/v2/me", headers=kept).status_code == 401, str)
        answer = browser.get("/v2/logout/oidc")
        assert answer.status_code == 303
        there = urlsplit(answer.headers["location"])
        assert answer.headers["location"].startswith(f"{issuer.url}/logout?")
        back = {"client_id": [CLIENT_ID], "post_logout_redirect_uri": [f"{site.server.url}/"]}
        assert parse_qs(there.query) == back


@pytest.mark.parametrize(
    ("told", "scopes"),
    [
        ({"sub": "u-1", "groups": ["boss"]}, ["admin"]),
        ({"sub": "u-2", "groups": ["boss"]}, []),
        ({"groups": ["boss"]}, []),
        ({}, []),
    ],
)
def test_what_is_told_of_a_user_beside_counts_if_it_is_of_that_user(
    site: Site, issuer: Issuer, told: dict[str, Any], scopes: list[str]
) -> None:
    issuer.user, issuer.user_info = {"sub": "u-1"}, told
    with site.browser() as browser:
        site.log_in(browser)
        assert browser.get("/v2/me").json()["scopes"] == scopes


def test_what_is_told_beside_takes_the_place_of_no_claim(site: Site, issuer: Issuer) -> None:
    issuer.user_info = {"sub": "u-1", "groups": ["boss"], "preferred_username": "root"}
    with site.browser() as browser:
        site.log_in(browser)
        me = browser.get("/v2/me").json()
        assert (me["name"], me["scopes"]) == ("ada", ["predict", "read"])


@pytest.mark.parametrize(
    "there",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\evil", "evil", "", "/a\\b",
        "/\t/evil", "javascript:alert(1)", "/a\r\nb", "/" + "a" * 2000, "/é",
    ],
)  # fmt: skip
def test_a_log_in_goes_on_nowhere_but_here(site: Site, there: str) -> None:
    answer = site.server.client.get(BEGIN, params={"next": there})
    assert answer.status_code == 422
    assert "location" not in answer.headers


def test_a_path_that_looks_like_a_page_of_html_is_none(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        answer = site.log_in(browser, next="/\"><script>alert('1')</script>")
        assert answer.status_code == 200
        assert "<script" not in answer.text


Change = Callable[[dict[str, str]], dict[str, str]]
CHANGED: dict[str, Change] = {
    "no state": lambda back: {name: value for name, value in back.items() if name != "state"},
    "another state": lambda back: back | {"state": "x" * 43},
    "another issuer": lambda back: back | {"iss": "https://evil.example"},
    "no issuer": lambda back: {name: value for name, value in back.items() if name != "iss"},
    "another code": lambda back: back | {"code": "invented"},
    "no code": lambda back: back | {"code": ""},
    "an error": lambda back: back | {"error": "access_denied"},
    "an error with markup": lambda back: back | {"error": "<script>"},
}


@pytest.mark.parametrize("name", CHANGED)
def test_an_answer_that_is_not_that_of_the_log_in_is_refused(site: Site, issuer: Issuer, name: str) -> None:
    with site.browser() as browser:
        back = urlsplit(site.back(site.begin(browser)))
        answer = browser.get(CALLBACK, params=CHANGED[name](dict(parse_qsl(back.query))))
        assert answer.status_code == 400, answer.text
        assert "<" not in answer.json()["detail"]
        assert session_name(site.server) not in browser.cookies
        assert login_name(site.server) not in browser.cookies
        again = browser.get(CALLBACK, params=dict(parse_qsl(back.query)))
        assert again.status_code == 400  # once it has failed, it is over


def test_a_code_is_of_the_browser_that_has_begun(site: Site, issuer: Issuer) -> None:
    with site.browser() as one, site.browser() as two, site.browser() as three:
        back = site.back(site.begin(one))
        site.begin(two)
        assert two.get(back).status_code == 400  # with its own cookie
        assert three.get(back).status_code == 400  # with none
        assert one.get(back).status_code == 200
        assert one.get(back).status_code == 400  # a second time


def test_what_comes_twice_is_refused(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        back = urlsplit(site.back(site.begin(browser)))
        answer = browser.get(f"{CALLBACK}?{back.query}&{urlencode({'code': 'other'})}")
        assert answer.status_code == 400
        assert "twice" in answer.text


def test_a_verifier_of_another_log_in_gets_no_token(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        back = site.back(site.begin(browser))
        begun = json.loads(base64.urlsafe_b64decode(browser.cookies[login_name(site.server)]))
        begun["verifier"] = "x" * 43
        value = base64.urlsafe_b64encode(json.dumps(begun).encode()).decode()
        answer = site.server.client.get(back, headers={"cookie": f"{login_name(site.server)}={value}"})
        assert answer.status_code == 400
        assert "invalid_grant" in answer.text


@pytest.mark.parametrize("cookie", ["", "a", "e30=", "%%%", "a" * 5000, base64.b64encode(b"[1]").decode()])
def test_a_cookie_that_cannot_be_read_is_no_log_in(site: Site, cookie: str) -> None:
    answer = site.server.client.get(
        f"{CALLBACK}?code=a&state=b", headers={"cookie": f"{login_name(site.server)}={cookie}"}
    )
    assert answer.status_code == 400
    assert "begin again" in answer.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nonce": "another"}, "another log-in"),
        ({"nonce": ...}, "another log-in"),
        ({"nonce": None}, "another log-in"),
        ({"aud": "another"}, "somebody else"),
        ({"aud": AUDIENCE}, "somebody else"),
        ({"aud": [CLIENT_ID, "another"]}, "somebody else"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "somebody else"),
        ({"azp": "another"}, "somebody else"),
        ({"exp": 1}, "expired"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"sub": ""}, "no subject"),
        ({"sub": ...}, "no subject"),
    ],
)
def test_an_id_token_that_is_not_of_the_log_in_is_refused(
    site: Site, issuer: Issuer, changes: dict[str, Any], said: str
) -> None:
    issuer.id_changes = changes
    with site.browser() as browser:
        answer = site.log_in(browser)
        assert answer.status_code == 400
        assert re.search(said, answer.json()["detail"])
        assert session_name(site.server) not in browser.cookies


def test_an_issuer_that_does_not_know_this_server_lets_nobody_in(site: Site, issuer: Issuer) -> None:
    issuer.secret = "another"
    with site.browser() as browser:
        answer = site.log_in(browser)
        assert answer.status_code == 400
        assert "invalid_client" in answer.text


def test_an_issuer_that_is_away_lets_nobody_in_now(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        back = site.back(site.begin(browser))
        issuer.end()
        try:
            answer = browser.get(back)
        finally:
            issuer.begin()
        assert answer.status_code == 503


def test_the_token_of_a_page_is_of_no_use_elsewhere(site: Site, issuer: Issuer) -> None:
    with site.browser() as browser:
        site.log_in(browser)
        token = browser.cookies[session_name(site.server)]
    bearer = {"authorization": f"Bearer {token}"}
    assert site.server.client.get("/v2/me", headers=bearer).status_code == 401
    for wrong in (token[:-3], token.replace(".", "", 1), issuer.token(groups=["boss"])):
        sent = {"cookie": f"{session_name(site.server)}={wrong}"}
        assert site.server.client.get("/v2/me", headers=sent).status_code == 401


def test_a_name_that_a_request_makes_up_is_no_address_of_the_server(tmp_path: Any, site: Site) -> None:
    issuer = site.issuer
    common = (
        "--auth", "on", "--data-dir", str(tmp_path), "--oidc-issuer", issuer.url,
        "--oidc-client-id", CLIENT_ID, "--allow-hosts", "*", "--base-path", "/base",
    )  # fmt: skip
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", *common) as server:
        made_up = {"host": "evil.example"}
        assert server.client.get(BEGIN, headers=made_up).status_code == 503
        asked = server.client.get(BEGIN)
        assert urlencode({"redirect_uri": f"{server.url}{CALLBACK}"}) in asked.headers["location"]


def test_a_public_url_is_where_the_issuer_sends_people(tmp_path: Any, site: Site) -> None:
    issuer = site.issuer
    common = ("--auth", "on", "--data-dir", str(tmp_path), "--oidc-issuer", issuer.url)
    known = ("--oidc-client-id", CLIENT_ID, "--public-url", "https://models.example.org")
    secret = ("--oidc-client-secret", CLIENT_SECRET)
    scopes = ("--oidc-scopes", "groups:lab=read")
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", *common, *known, *secret, *scopes) as server:
        begun = server.client.get(BEGIN)
        asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
        assert asked["redirect_uri"] == f"https://models.example.org{CALLBACK}"
        cookie = begun.headers["set-cookie"]
        assert re.fullmatch(
            r"__Host-modelport_login_\d+=\S+; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure", cookie
        )
        back = urlsplit(site.back(asked))
        sent = {"cookie": cookie.partition(";")[0]}
        answer = server.client.get(f"{CALLBACK}?{back.query}", headers=sent)
        assert answer.status_code == 200, answer.text
        assert "; Secure" in answer.headers.get_list("set-cookie")[1]
