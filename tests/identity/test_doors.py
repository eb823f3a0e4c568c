"""Every way in, with every kind of credential: nothing is open that does not say so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from door_site import Answer, Known, Site, made_key
from issuer import Issuer, issuing, trusting
from serving import MODELS, serving, wait_until
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.credentials import NOBODY, PRINCIPAL
from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.table import ENDPOINTS, OF_ROOT
from modelport.api.request_checks import CheckedEndpoint, Entry
from modelport.cli.keys_store import DatabaseKeys
from modelport.http.asgi import Message
from modelport.identity.key_text import new_key
from modelport.identity.principals import GRANTED, AccessScope
from modelport.identity.roles import SCOPES, Role
from modelport.problems import Problem
from modelport.settings import Settings

SERVERS: dict[str, tuple[str, ...]] = {
    "mlup": ("--default-model", "echo"),
    "long predictions of mlup": ("--default-model", "echo", "--is-long-predict"),
    "lesson": ("--default-model", "echo", "--envelope", "--base-path", "/base"),
}
FILLED = {
    "model": "echo", "job": "0" * 32, "uuid": "0" * 32, "run_id": "none", "version": "0", "alias": "other",
    "param": "a", "name": "a", "predict_id": "a", "path": "swagger/page.js", "key": "none", "user": "none",
    "room": "a", "file": "a", "region": "a",
}  # fmt: skip
# Ways in that are no row of their own: paths of nothing, slashes, and methods that there are not.
BESIDE = (
    ("GET", "/nowhere"), ("POST", "/predict/"), ("POST", "/v2/models/echo/predict"), ("PATCH", "/v2/jobs"),
    ("GET", "/v2/models/none/"), ("HEAD", "/v2/models/"), ("OPTIONS", "/v2/jobs"), ("POST", "//v2/keys"),
    ("POST", "/v2/models/echo/versions/0/predict"), ("GET", "/v2/%6beys"), ("GET", "/v2/health/live/../keys"),
)  # fmt: skip
MODELS_OF_IT = [f"{name}={MODELS / 'echoes.py'}:Echo" for name in ("echo", "other")]
# OpenWhisk's paths are there for its own platform alone: dialects/test_openwhisk.py knocks at them.
WALKED = [one for one in ENDPOINTS if one.setting != "openwhisk"]
CLOSED = [one for one in WALKED if one.scope is not AccessScope.OPEN]
OF_A_MODEL = [one for one in CLOSED if not one.owned and (one in OF_ROOT or "{model}" in one.path)]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    data = tmp_path_factory.mktemp("data")
    with issuing() as issuer:
        with serving(*MODELS_OF_IT, *options(data, issuer)) as server:
            made = Known(server, data, issuer)
        yield made


@pytest.fixture(scope="module", params=SERVERS)
def site(request: pytest.FixtureRequest, known: Known) -> Iterator[Site]:
    own = options(known.data, known.issuer)
    with serving(*MODELS_OF_IT, *own, *SERVERS[request.param]) as server, Site(server, known) as made:
        yield made


def options(data: Path, issuer: Issuer) -> list[str]:
    """A server that asks who one is, and takes tokens of the issuer."""
    own = [*trusting(issuer, data)]
    for scope in GRANTED:
        own += ["--oidc-scopes", f"groups:{scope}={scope}"]
    return [*own, "--oidc-scopes", f"groups:foreign={' '.join(GRANTED)} on other"]


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint) -> str:
    return re.sub(r"{(\w+)(:path)?}", lambda found: FILLED[found[1]], endpoint.path)


def is_refused(answer: Answer | httpx.Response, status: int) -> bool:
    """Whether who asks is told that they may not, as RFC 6750 has it, and nothing else."""
    return answer.status_code == status and answer.headers.get("www-authenticate", "").startswith("Bearer ")


@pytest.mark.parametrize("endpoint", WALKED, ids=named)
def test_each_endpoint_takes_those_alone_who_may(site: Site, endpoint: Endpoint) -> None:
    method, path = endpoint.method, path_of(endpoint)
    if endpoint.scope is AccessScope.OPEN:
        for key in (
            None,
            "mpk_wrong",
            site.known.revoked,
            site.known.foreign,
            *site.known.wrong_tokens,
            site.known.foreign_token,
        ):
            assert site.ask(method, path, key).status_code not in (401, 403)
        return
    wrong_keys = (
        None,
        "mpk_wrong",
        new_key(),
        site.known.revoked,
        site.known.expired,
        site.known.admin[:-1],
        site.known.admin * 2,
    )
    for wrong in (*wrong_keys, *site.known.wrong_tokens):
        answer = site.ask(method, path, wrong)
        assert is_refused(answer, 401), (wrong, answer.status_code, answer.text)
        assert site.known.admin not in answer.text
    credentials = [*site.known.keys.items(), *site.known.tokens.items()]
    for scope, credential in credentials:
        answer = site.ask(method, path, credential)
        may = endpoint.owned or scope in (endpoint.scope, AccessScope.ADMIN)
        if not may:
            assert is_refused(answer, 403), (scope, answer.text)
            assert f'scope="{endpoint.scope}"' in answer.headers["www-authenticate"]
            assert endpoint.scope in answer.text
        else:
            assert answer.status_code not in (401, 403), (scope, answer.text)


@pytest.mark.parametrize(
    "endpoint", [one for one in WALKED if one.path != "/v2/logout"], ids=named
)  # which ends what the others need; `test_users` has it
def test_each_endpoint_takes_those_users_alone_who_may(site: Site, endpoint: Endpoint) -> None:
    method, path = endpoint.method, path_of(endpoint)
    is_reading = method in ("GET", "OPTIONS") and not endpoint.calls
    own = {"sec-fetch-site": "same-origin"}
    gone, gone_page = site.known.gone
    if endpoint.scope is AccessScope.OPEN:
        for token, cookie in (*site.known.users.values(), site.known.gone, ("a.b.c", "a.b.c")):
            assert site.ask(method, path, token).status_code not in (401, 403)
            assert site.by_page(method, path, cookie, **own) not in (401, 403)
        return
    for wrong in (gone, gone[:-4], gone_page, site.known.users[Role.ADMIN][1], "a.b.c"):
        assert is_refused(site.ask(method, path, wrong), 401)
    for wrong in (
        gone_page,
        gone_page[:-4],
        gone,
        site.known.users[Role.ADMIN][0],
        site.known.admin,
        "a.b.c",
        "",
    ):
        assert site.by_page(method, path, wrong, **own) == 401
    for role, (token, cookie) in site.known.users.items():
        may = endpoint.owned or bool(SCOPES[role] & {endpoint.scope, AccessScope.ADMIN})
        for status in (site.ask(method, path, token).status_code, site.by_page(method, path, cookie, **own)):
            assert status not in (401, 403) if may else status == 403, (role, status)
        if not is_reading:
            assert site.by_page(method, path, cookie) == 403  # whose page asks, nobody has said
    if endpoint in OF_A_MODEL or endpoint.scope is AccessScope.ADMIN:
        assert is_refused(site.ask(method, path, site.known.other[0]), 403)
        assert site.by_page(method, path, site.known.other[1], **own) == 403


@pytest.mark.parametrize("endpoint", OF_A_MODEL, ids=named)
def test_a_key_of_other_models_is_of_no_use(site: Site, endpoint: Endpoint) -> None:
    for foreign in (site.known.foreign, site.known.foreign_token):
        assert is_refused(site.ask(endpoint.method, path_of(endpoint), foreign), 403)


@pytest.mark.parametrize("endpoint", [one for one in CLOSED if one.scope is AccessScope.ADMIN], ids=named)
def test_what_is_of_no_model_is_for_administrators_of_all(site: Site, endpoint: Endpoint) -> None:
    for foreign in (site.known.foreign, site.known.foreign_token):
        assert is_refused(site.ask(endpoint.method, path_of(endpoint), foreign), 403)


@pytest.mark.parametrize(("method", "path"), BESIDE)
def test_nothing_beside_the_table_answers_somebody_unknown(site: Site, method: str, path: str) -> None:
    for wrong in (None, "mpk_wrong", site.known.revoked, *site.known.wrong_tokens):
        assert is_refused(site.ask(method, path, wrong), 401)
    assert site.ask(method, path, site.known.admin).status_code != 401


def test_the_fast_path_judges_as_the_long_one(site: Site) -> None:
    path, body = "/v2/models/echo/predict", {"number": 1}
    right, wrong = site.known.keys[AccessScope.PREDICT], site.known.keys[AccessScope.READ]
    token, wrong_token = site.known.tokens[AccessScope.PREDICT], site.known.tokens[AccessScope.READ]
    for _ in range(3):  # the first of a key or token goes the long way, the others the fast one
        assert site.ask("POST", path, token, json=body).json()["number"] == 1
        for other in (wrong_token, site.known.foreign_token):
            assert is_refused(site.ask("POST", path, other, json=body), 403)
        assert is_refused(site.ask("POST", path, token[:-3], json=body), 401)
        assert site.ask("POST", path, right, json=body).json()["number"] == 1
        assert is_refused(site.ask("POST", path, wrong, json=body), 403)
        assert is_refused(site.ask("POST", path, site.known.foreign, json=body), 403)
        assert is_refused(site.ask("POST", path, None, json=body), 401)
    by_field = {"x-api-key": right}
    for _ in range(2):
        answer = site.server.client.post(path, json=body, headers=by_field)
        assert answer.json()["number"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Basic KEY")],
        [("authorization", "KEY")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer KEY, Bearer KEY")],
        [("authorization", "Bearer KEY"), ("authorization", "Bearer KEY")],
        [("authorization", "Bearer KEY"), ("x-api-key", "KEY")],
        [("x-api-key", "Bearer KEY")],
        [("x-api-key", "KEY KEY")],
        [("cookie", "key=KEY")],
    ],
)
def test_credentials_in_no_form_that_there_is_are_none(site: Site, headers: list[tuple[str, str]]) -> None:
    assert site.status(site.known.admin) == 200
    sent = [(name, value.replace("KEY", site.known.admin)) for name, value in headers]
    answer = site.server.client.get("/v2/keys", headers=sent)
    assert is_refused(answer, 401)
    assert site.known.admin not in answer.text


def test_a_token_comes_as_a_bearer_alone(site: Site) -> None:
    token = site.known.tokens[AccessScope.ADMIN]
    assert site.status(token) == 200
    for headers in ({"x-api-key": token}, {"authorization": token}, {"cookie": f"token={token}"}):
        assert is_refused(site.server.client.get("/v2/keys", headers=headers), 401)
    answer = site.ask("GET", "/v2/keys", site.known.wrong_tokens[0])
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "it has expired" in answer.text


def test_jobs_are_of_the_subject_whatever_token_it_sends(site: Site) -> None:
    one, two = (site.known.issuer.token(groups=["predict"], sub="u-1", jti=number) for number in (1, 2))
    other = site.known.issuer.token(groups=["predict"], sub="u-2")
    assert one != two
    headers = {"authorization": f"Bearer {one}", "prefer": "respond-async"}
    made = site.server.client.post("/v2/models/echo/predict", json={"number": 1}, headers=headers)
    assert made.status_code == 202, made.text
    job = f"/v2/jobs/{made.json()['id']}"
    assert site.ask("GET", job, two).status_code == 200
    assert site.ask("GET", job, other).status_code == 404
    assert site.ask("GET", job, site.known.tokens[AccessScope.READ]).status_code == 200


def test_a_key_in_the_query_is_none(site: Site) -> None:
    for name in ("key", "api_key", "access_token"):
        assert is_refused(site.ask("GET", f"/v2/models/?{name}={site.known.admin}"), 401)


def test_a_key_of_one_model_sees_that_one_alone(site: Site) -> None:
    listed = site.ask("GET", "/v2/models/", site.known.foreign).json()["models"]
    assert [model["id"] for model in listed] == ["other"]
    assert len(site.ask("GET", "/v2/models/", site.known.admin).json()["models"]) == 2
    indexed = site.ask("POST", "/v2/repository/index", site.known.foreign).json()
    assert [model["name"] for model in indexed] == ["other"]
    assert len(site.ask("POST", "/v2/repository/index", site.known.admin).json()) == 2
    for document in ("/openapi.json", "/swagger.json"):
        for key, told in ((site.known.foreign, False), (site.known.admin, True), (site.known.foreign, False)):
            paths = site.ask("GET", document, key).json()["paths"]
            assert any("/models/other/" in path for path in paths)
            assert any("/models/echo/" in path for path in paths) is told


def test_the_names_of_models_are_told_to_nobody_who_may_not_use_them(known: Known, tmp_path: Path) -> None:
    models = [f"{name}={MODELS / 'echoes.py'}:Echo" for name in ("secretive", "guarded")]
    with (
        serving(*models, "--auth", "on", "--data-dir", str(tmp_path)) as server,
        Site(server, known) as site,
    ):
        store = DatabaseKeys(Settings(data_dir=str(tmp_path)))
        admin = made_key(store, "admin", AccessScope.ADMIN)
        key = made_key(store, "of guarded", AccessScope.PREDICT, models="guarded")
        wait_until(lambda: site.ask("GET", "/v2/me", key).status_code == 200, lambda: server.log)
        asked = [(one.method, path_of(one).replace("/echo", "/nothere")) for one in ENDPOINTS]
        asked += [("GET", "/v2/models/secretiv/ready"), ("GET", "/v1/models/secretiv")]
        for method, path in asked:
            for who in (None, key):
                answer = site.ask(method, path, who)
                assert "secretive" not in answer.text, (method, path, answer.text)
                assert who is not None or "guarded" not in answer.text, (method, path, answer.text)
        for name in ("secretiv", "guarde"):
            body = {"model": name, "messages": [{"role": "user", "content": "hello"}]}
            assert "secretive" not in site.ask("POST", "/v1/chat/completions", key, body).text
        told = site.ask("GET", "/v2/models/nothere/ready", key)
        assert told.status_code == 404
        assert told.json()["detail"] == "there is no model 'nothere'; there is: guarded"
        told = site.ask("GET", "/v2/models/nothere/ready")
        assert (told.status_code, told.json()["detail"]) == (404, "there is no model 'nothere'")
        assert site.ask("GET", "/v2/models/secretive/ready").status_code in (200, 503)
        told = site.ask("GET", "/v2/models/guarde/ready", admin).json()["detail"]
        assert told == "there is no model 'guarde'; there is: secretive, guarded; did you mean 'guarded'?"
        told = site.ask("GET", "/v2/health/ready").json()
        assert (told["models"], sum(told["others"].values())) == ({}, 2)
        told = site.ask("GET", "/v2/health/ready", key).json()
        assert (list(told["models"]), sum(told["others"].values())) == (["guarded"], 1)


def test_a_key_that_is_revoked_by_another_process_is_of_no_use_soon(site: Site) -> None:
    name = f"short {site.server.url}"
    key = site.known.key(name, AccessScope.PREDICT)
    path, body = "/v2/models/echo/predict", {"number": 1}
    wait_until(lambda: site.ask("POST", path, key, json=body).status_code == 200, lambda: site.server.log)
    assert site.ask("POST", path, key, json=body).status_code == 200  # by the fast path
    site.known.store.revoke(name)
    wait_until(lambda: site.ask("POST", path, key, json=body).status_code == 401, lambda: site.server.log)


@pytest.mark.parametrize("endpoint", [one for one in WALKED if one.owned], ids=named)
def test_what_is_owned_is_nothing_for_nobody(endpoint: Endpoint) -> None:
    """They have no name, as those have not who made jobs before anybody was asked for one."""

    async def never(request: Request) -> Response:
        raise AssertionError("it was answered")

    checked = CheckedEndpoint(endpoint, never, Entry(endpoint.scope, (), None, None))
    scope = {"type": "http", "headers": [], "query_string": b"", "path_params": {}, PRINCIPAL: NOBODY}
    with pytest.raises(Problem) as refused:
        asyncio.run(checked(scope, no_receive, no_send))
    assert refused.value.status == 401


async def no_receive() -> Message:
    raise AssertionError("it was read")


async def no_send(message: Message) -> None:
    raise AssertionError("it was answered")
