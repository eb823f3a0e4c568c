"""People with passwords: the first of them, what they log in to, and what ends that."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import serving, wait_until
from user_site import (
    MODEL,
    NUMBER,
    OTHER,
    PASSWORD,
    PREDICT,
    Site,
    client_of,
    first_admin,
    link_of,
    log_in,
    logged_in,
    page_of,
    renewed,
    serving_users,
    session_name,
)

from modelport.cli.keys_store import DatabaseKeys
from modelport.identity.accounts import MOST_OF_STRANGERS
from modelport.identity.login_attempts import FREE_OF_STRANGERS
from modelport.settings import Settings

OF_A_PAGE = {"sec-fetch-site": "same-origin"}
JOB = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving_users(tmp_path_factory.mktemp("data")) as site:
        yield site


def test_the_first_link_works_once_and_by_a_form(tmp_path: Path) -> None:
    with serving(MODEL, "--auth", "on", "--data-dir", str(tmp_path)) as server:
        page = server.client.get("/v2/setup")
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        link = link_of(server)
        for wrong, status in (
            ({"token": "x" * 43}, 403),
            ({"password": "short"}, 422),
            ({"username": " a"}, 422),
        ):
            assert first_admin(server, **wrong).status_code == status
        form = {"token": link, "username": "<b>", "password": PASSWORD}
        foreign = server.client.post("/v2/setup", data=form, headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403
        own = {"origin": server.url, "sec-fetch-site": "same-origin"}
        refused = server.client.post("/v2/setup", data=form | {"password": "short"}, headers=own)
        assert refused.status_code == 422
        assert "10 to 1000 characters" in refused.text
        assert "<form" in refused.text
        made = server.client.post("/v2/setup", data=form, headers=own)
        assert made.status_code == 201
        assert "&lt;b&gt; is an administrator now" in made.text
        for page in (refused, made, server.client.get("/v2/setup")):
            assert '<a href="/ui/models">Log in</a>' in page.text
        assert first_admin(server, username="second").status_code == 403
        assert link.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("jobs.sqlite*"))
    with serving(MODEL, "--auth", "on", "--data-dir", str(tmp_path)) as server:
        assert logged_in(server, "<b>")["scope"] == "admin"
        assert "/v2/setup#" not in server.log


def test_the_link_is_where_people_reach_the_server(tmp_path: Path) -> None:
    outside = ("--public-url", "https://models.example.org/", "--root-path", "/ml", "--base-path", "/base")
    with serving(MODEL, "--auth", "on", "--data-dir", str(tmp_path), *outside) as server:
        server.wait_for_log(re.compile(r" https://models\.example\.org/ml/base/v2/setup#\S+ makes"))


def test_the_link_of_a_server_at_every_address_can_be_reached(tmp_path: Path) -> None:
    with serving(MODEL, "--host", "0.0.0.0", "--auth", "on", "--data-dir", str(tmp_path)) as server:
        wait_until(lambda: "/v2/setup#" in server.log, lambda: server.log)
        found = re.search(r"(http://(\S+):\d+/v2/setup)#\S+ makes", server.log)
        assert found is not None, server.log
        assert found[2] != "0.0.0.0"
        assert httpx.get(found[1], timeout=30.0, trust_env=False).status_code == 200


def test_on_a_unix_socket_a_command_makes_the_first_administrator(tmp_path: Path) -> None:
    folders = ("--uds", str(tmp_path / "s"), "--data-dir", str(tmp_path / "data"))
    with serving(MODEL, "--auth", "on", *folders, "--base-path", "/base") as server:
        found = server.wait_for_log(re.compile(r"within an hour, (curl .*) makes the first"))
        command = shlex.split(found[1].replace("NAME", "anna").replace("PASSWORD", PASSWORD))
        if shutil.which(command[0]) is None:
            pytest.skip("curl is not installed")
        made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(made.stdout)["role"] == "admin"


def test_a_server_with_a_key_prints_no_link(tmp_path: Path) -> None:
    DatabaseKeys(Settings(data_dir=str(tmp_path))).create({"name": "a", "scopes": ["admin"]})
    with serving(MODEL, "--auth", "on", "--data-dir", str(tmp_path)) as server:
        assert "/v2/setup#" not in server.log


def test_a_link_is_worth_nothing_once_there_is_a_key(tmp_path: Path) -> None:
    with serving(MODEL, "--auth", "on", "--data-dir", str(tmp_path)) as server:
        link_of(server)
        keys = DatabaseKeys(Settings(data_dir=str(tmp_path)))
        keys.create({"name": "a", "scopes": ["read"]})
        assert first_admin(server).status_code == 403
        keys.revoke("a")
        assert first_admin(server).status_code == 201


def test_somebody_is_told_who_they_are(site: Site) -> None:
    site.user("mine", models=["echo", "other"])
    tokens = logged_in(site.server, "MINE")
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] <= 900
    with client_of(site.server, tokens["access_token"]) as mine, page_of(site.server, "mine") as page:
        for client in (mine, page):
            me = client.get("/v2/me").json()
            assert (me["name"], me["kind"], me["models"]) == ("mine", "user", ["echo", "other"])
            assert me["scopes"] == ["predict", "read"]
            assert me["expires_at"] is not None
    key = site.admin.post("/v2/keys", json={"name": "k", "scopes": ["read"], "expires": "1h"}).json()
    with client_of(site.server, key["key"]) as client:
        wait_until(lambda: client.get("/v2/me").status_code == 200, lambda: site.server.log)
        me = client.get("/v2/me").json()
        assert (me["kind"], me["id"], me["scopes"]) == ("key", key["about"]["subject"], ["read"])
        assert me["expires_at"] == key["about"]["expires_at"]
    assert site.server.client.get("/v2/me").status_code == 401


def test_a_user_may_what_the_role_and_the_models_say(site: Site) -> None:
    site.user("reader", models=["other"])
    site.user("maker", "developer")
    with (
        client_of(site.server, logged_in(site.server, "reader")["access_token"]) as reader,
        client_of(site.server, logged_in(site.server, "maker")["access_token"]) as maker,
    ):
        for _ in range(2):  # by the long way, and then by the fast one
            refused = reader.post(PREDICT, json=NUMBER)
            assert refused.status_code == 403
            assert "'reader' may not do this: it needs predict on the model 'echo'" in refused.text
            assert maker.post(PREDICT, json=NUMBER).json()["number"] == 1
        assert maker.get("/v2/users").status_code == maker.get("/v2/keys").status_code == 403
        assert reader.get("/v2/models/").json() == {"models": []}


def test_jobs_are_of_a_user_however_they_come(site: Site) -> None:
    about = site.user("owner")
    site.user("stranger", models=["echo"])
    with (
        page_of(site.server, "owner") as page,
        client_of(site.server, logged_in(site.server, "owner")["access_token"]) as program,
        client_of(site.server, logged_in(site.server, "stranger")["access_token"]) as stranger,
    ):
        job = page.post(PREDICT, json=NUMBER, headers={**JOB, **OF_A_PAGE}).json()
        assert job["requested_by"] == about["subject"]
        assert program.get(f"/v2/jobs/{job['id']}").status_code == 200
        assert stranger.get(f"/v2/jobs/{job['id']}").status_code == 404


def test_who_may_not_ask_any_more_has_no_job_of_theirs_run_again(site: Site) -> None:
    site.user("rita")
    with client_of(site.server, logged_in(site.server, "rita")["access_token"]) as rita:
        job = rita.post(PREDICT, json=NUMBER, headers=JOB).json()["id"]
        assert rita.post(f"/v2/jobs/{job}/retry").status_code == 409  # it was not interrupted
    site.admin.patch("/v2/users/rita", json={"models": ["another"]})
    with client_of(site.server, logged_in(site.server, "rita")["access_token"]) as rita:
        assert rita.get(f"/v2/jobs/{job}").status_code == 200
        again = rita.post(f"/v2/jobs/{job}/retry")
        assert again.status_code == 403
        assert "predict on the model 'echo'" in again.json()["detail"]


@pytest.mark.parametrize(
    "change", [{"disabled": True}, {"password": OTHER}, {"role": "developer"}, {"models": ["other"]}]
)
def test_what_is_taken_from_a_user_ends_what_they_have(site: Site, change: dict[str, Any]) -> None:
    name = f"changed-{next(iter(change))}"
    site.user(name)
    tokens = logged_in(site.server, name)
    with client_of(site.server, tokens["access_token"]) as program, page_of(site.server, name) as page:
        for _ in range(2):
            assert program.post(PREDICT, json=NUMBER).status_code == 200
        assert page.get("/v2/me").status_code == 200
        assert site.admin.patch(f"/v2/users/{name}", json=change).status_code == 200
        wait_until(lambda: program.post(PREDICT, json=NUMBER).status_code == 401, lambda: site.server.log)
        wait_until(lambda: page.get("/v2/me").status_code == 401, lambda: site.server.log)
    assert renewed(site.server, tokens["refresh_token"]).status_code == 400
    may = change.keys() & {"role", "models"}
    assert (log_in(site.server, name).status_code == 200) is bool(may)


def test_a_refresh_token_that_is_used_twice_ends_its_session(site: Site) -> None:
    site.user("turning")
    first = logged_in(site.server, "turning")
    other = logged_in(site.server, "turning")
    second = renewed(site.server, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    with client_of(site.server, second["access_token"]) as client:
        assert client.get("/v2/me").status_code == 200
        made_up = second["refresh_token"].partition(".")[0][:-1] + "x." + "y" * 43
        assert renewed(site.server, made_up).status_code == 400  # of no family: nothing ends
        assert client.get("/v2/me").status_code == 200
        reused = renewed(site.server, first["refresh_token"])
        assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
        wait_until(lambda: client.get("/v2/me").status_code == 401, lambda: site.server.log)
    assert renewed(site.server, second["refresh_token"]).status_code == 400
    assert renewed(site.server, other["refresh_token"]).status_code == 200  # another session
    assert "users.refresh_reused" in [action for action, _ in site.actions()]


def test_who_logs_out_is_out(site: Site) -> None:
    site.user("leaving")
    tokens = logged_in(site.server, "leaving")
    with client_of(site.server, tokens["access_token"]) as program, page_of(site.server, "leaving") as page:
        assert page.post("/v2/logout").status_code == 403  # by whose page, nobody has said
        gone = page.post("/v2/logout", headers={"origin": site.server.url})
        assert gone.status_code == 204
        assert "Max-Age=0" in gone.headers["set-cookie"]
        assert program.get("/v2/me").status_code == 200
        assert program.post("/v2/logout").status_code == 204
        wait_until(lambda: program.get("/v2/me").status_code == 401, lambda: site.server.log)
    assert renewed(site.server, tokens["refresh_token"]).status_code == 400


def test_a_password_is_changed_by_the_old_one(site: Site) -> None:
    site.user("own")
    tokens = logged_in(site.server, "own")
    with client_of(site.server, tokens["access_token"]) as own:
        for old, new, status in (
            (OTHER, PASSWORD + "!", 403),
            (PASSWORD, "short", 422),
            (PASSWORD, "aaaaaaaaaaaa", 422),
        ):
            assert own.post("/v2/me/password", json={"old": old, "new": new}).status_code == status
        changed = own.post("/v2/me/password", json={"old": PASSWORD, "new": OTHER})
        assert changed.status_code == 204, changed.text
        wait_until(lambda: own.get("/v2/me").status_code == 401, lambda: site.server.log)
    assert log_in(site.server, "own").status_code == 401
    assert logged_in(site.server, "own", OTHER)
    about = site.admin.post("/v2/keys", json={"name": "no user", "scopes": ["read"]}).json()
    with client_of(site.server, about["key"]) as key:
        wait_until(lambda: key.get("/v2/me").status_code == 200, lambda: site.server.log)
        refused = key.post("/v2/me/password", json={"old": PASSWORD, "new": OTHER})
        assert refused.status_code == key.post("/v2/logout").status_code == 409


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "OWN"}, True),
        ({"origin": "OWN"}, True),
        ({"origin": "https://OWN"}, False),  # at another port than this server's
        ({"referer": "OWN/docs"}, True),
        ({"referer": "http://evil.example/docs"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site", "referer": "OWN/docs"}, False),
    ],
)
def test_a_cookie_changes_things_for_pages_of_this_server_alone(
    site: Site, headers: dict[str, str], counts: bool
) -> None:
    sent = {
        name: value.replace("https://OWN", "https://127.0.0.1").replace("OWN", site.server.url)
        for name, value in headers.items()
    }
    assert site.page.get("/v2/users").status_code == 200
    answer = site.page.post(PREDICT, json=NUMBER, headers=sent)
    assert answer.status_code == (200 if counts else 403), answer.text


def test_a_cookie_is_what_no_script_and_no_other_site_has(site: Site) -> None:
    for headers, is_secure in (({}, False), ({"origin": "https://127.0.0.1"}, True)):
        cookie = log_in(site.server, "anna", host="127.0.0.1", **headers).headers["set-cookie"]
        assert "; HttpOnly; SameSite=Strict" in cookie
        assert "; Path=/; " in cookie
        assert ("; Secure" in cookie) is is_secure
        assert cookie.startswith(f"{'__Host-' * is_secure}modelport_session=")


def test_the_cookie_of_another_server_of_the_host_is_not_touched(site: Site) -> None:
    name = session_name(site.server)
    cookie = log_in(site.server, "anna").cookies[name]
    other = log_in(site.server, "anna", host="127.0.0.1:1").headers["set-cookie"]
    assert other.startswith("modelport_session_1=")
    both = {"cookie": f"modelport_session_1=of.another.server; {name}={cookie}"}
    assert site.server.client.get("/v2/me", headers=both).json()["name"] == "anna"
    alone = {"cookie": f"modelport_session={cookie}"}
    assert site.server.client.get("/v2/me", headers=alone).status_code == 401
    safe = {"cookie": f"__Host-{name}={cookie}; {name}=planted"}  # by a proxy that speaks https
    assert site.server.client.get("/v2/me", headers=safe).json()["name"] == "anna"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": "a", "role": "king"}, "role: 'king' is none of admin, developer, user"),
        ({"nam": "a"}, "there is no field 'nam'; did you mean 'name'?"),
        ({"name": "a", "zzz": 1}, "there is no field 'zzz', only name, role, models, password"),
    ],
)
def test_what_does_not_fit_is_told_what_would(site: Site, sent: dict[str, Any], said: str) -> None:
    answer = site.admin.post("/v2/users", json=sent)
    assert (answer.status_code, answer.json()["detail"]) == (422, f"the body does not fit: {said}")
    quotas = {"name": "k", "scopes": ["predict"], "quotas": {"rats": "1/m"}}
    answer = site.admin.post("/v2/keys", json=quotas)
    assert answer.json()["detail"].endswith("there is no field 'rats' in quotas; did you mean 'rate'?")


def test_a_token_of_one_use_is_none_of_another(site: Site) -> None:
    cookie = site.page.cookies[session_name(site.server)]
    tokens = logged_in(site.server, "anna")
    with client_of(site.server, cookie) as client:
        assert client.get("/v2/me").status_code == 401
    for other in (tokens["access_token"], tokens["refresh_token"], "a.b.c", ""):
        sent = {"cookie": f"{session_name(site.server)}={other}"}
        assert site.server.client.get("/v2/me", headers=sent).status_code == 401
    with client_of(site.server, tokens["refresh_token"]) as client:
        assert client.get("/v2/me").status_code == 401


def test_wrong_passwords_are_answered_alike_and_slower(site: Site) -> None:
    site.user("slow")
    site.user("locked")
    assert site.admin.patch("/v2/users/locked", json={"disabled": True}).status_code == 200
    texts: set[tuple[int, str]] = set()
    for name in ("slow", "nobody at all"):
        answers = [log_in(site.server, name, OTHER) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401] * 5
        texts |= {(answer.status_code, answer.json()["detail"]) for answer in answers}
    answer = log_in(site.server, "locked")
    assert {(answer.status_code, answer.json()["detail"])} == texts
    wait_until(lambda: "users.login_slowed" in [action for action, _ in site.actions()], lambda: "")


def test_one_address_that_sends_many_at_once_shuts_nobody_out_who_is_familiar_there(site: Site) -> None:
    site.user("otto")
    assert log_in(site.server, "otto").status_code == 200
    found: Counter[int] = Counter()
    with ThreadPoolExecutor(MOST_OF_STRANGERS * 4) as threads:
        while not found[429]:  # until so many have come at once; beyond so many names it is said in any case
            sent = [threads.submit(log_in, site.server, f"nobody {number}") for number in range(32)]
            assert log_in(site.server, "otto").status_code == 200
            found += Counter(one.result().status_code for one in sent)
            assert found[401] <= FREE_OF_STRANGERS, "those who are strange to an address are not counted"
    assert set(found) == {401, 429}


def test_passwords_are_in_no_answer_no_log_and_no_file(site: Site) -> None:
    listed = site.admin.get("/v2/users").text
    assert "argon2" not in listed
    assert PASSWORD not in listed + site.server.log + site.admin.get("/v2/audit").text
    tokens = logged_in(site.server, "anna")
    kept = b"".join(file.read_bytes() for file in site.data.glob("jobs.sqlite*"))
    for secret in (
        PASSWORD,
        tokens["access_token"],
        *tokens["refresh_token"].removeprefix("mpr_").split("."),
    ):
        assert secret.encode() not in kept
        assert secret not in site.server.log
    assert b"$argon2id$v=19$m=65536,t=3,p=1$" in kept


def test_a_password_that_an_administrator_has_set_meanwhile_holds(site: Site) -> None:
    user = site.user("ines")["id"]
    with client_of(site.server, logged_in(site.server, "ines")["access_token"]) as ines:
        asked = {"old": PASSWORD, "new": "what ines wanted"}
        with ThreadPoolExecutor(1) as threads:
            own = threads.submit(ines.post, "/v2/me/password", json=asked)
            of_admin = site.admin.patch(f"/v2/users/{user}", json={"password": OTHER})
            assert own.result().status_code in (204, 401, 403, 409)
    assert of_admin.status_code == 200
    assert log_in(site.server, "ines", OTHER).status_code == 200
    assert log_in(site.server, "ines", "what ines wanted").status_code == 401


def test_users_are_made_changed_and_removed(site: Site) -> None:
    made = site.user("Björk", "developer", models=["echo"])
    assert (made["role"], made["models"], made["state"]) == ("developer", ["echo"], "active")
    again = {"name": "bjÖrk", "password": PASSWORD}
    assert site.admin.post("/v2/users", json=again).status_code == 409
    assert site.admin.get(f"/v2/users/{made['id']}").json() == made
    listed = [user["name"] for user in site.admin.get("/v2/users").json()["users"]]
    assert "Björk" in listed
    assert site.admin.delete("/v2/users/björk").json()["id"] == made["id"]
    assert site.admin.delete("/v2/users/björk").status_code == 404
    assert site.admin.delete("/v2/users/anna").status_code == 409
    assert site.admin.patch("/v2/users/anna", json={"disabled": True}).status_code == 409
    assert site.admin.patch("/v2/users/anna", json={"role": "user"}).status_code == 409
    by = site.admin.get("/v2/me").json()["id"]
    assert {("users.create", by), ("users.delete", by), ("users.change", by)} <= set(site.actions())


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"password": PASSWORD}, "name"),
        ({"name": " a", "password": PASSWORD}, "name"),
        ({"name": "a/b", "password": PASSWORD}, "name"),
        ({"name": "user\uff1aa", "password": PASSWORD}, "name"),
        ({"name": "a" * 101, "password": PASSWORD}, "name"),
        ({"name": "a", "password": "short"}, "password"),
        ({"name": "correct horse", "password": "Correct Horse"}, "password"),
        ({"name": "a", "password": "x" * 1001}, "password"),
        ({"name": "a", "role": "king"}, "role"),
        ({"name": "a", "models": []}, "models"),
        ({"name": "a", "scopes": ["read"]}, "scopes"),
    ],
)
def test_a_user_that_cannot_be_made_says_why(site: Site, asked: dict[str, Any], word: str) -> None:
    answer = site.admin.post("/v2/users", json=asked)
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"grant_type": "password", "username": "anna"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "mpr_a"}, "invalid_grant"),
        ({"grant_type": "password", "username": "anna", "password": "a", "scope": "read"}, "invalid_scope"),
        (
            {"grant_type": "password", "username": "anna", "password": "a", "client_secret": "b"},
            "invalid_client",
        ),
    ],
)
def test_a_token_that_is_not_given_says_why(site: Site, asked: dict[str, str], error: str) -> None:
    for sent in ({"data": asked}, {"json": asked}):
        answer = site.server.client.post("/v2/token", **sent)  # pyright: ignore[reportArgumentType]
        assert (answer.status_code, answer.json()["error"]) == (400, error)
        assert answer.headers["cache-control"] == "no-store"


def test_a_form_is_read_strictly(site: Site) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body, status in (("username=a&username=b", 400), ("a", 400), ("\xff=a", 400), ("a=b", 422)):
        answer = site.server.client.post("/v2/login", content=body.encode("latin-1"), headers=form)
        assert answer.status_code == status, answer.text
    answer = site.server.client.post("/v2/users", content="name=a", headers=form)
    assert answer.status_code == 401
    assert site.admin.post("/v2/users", content="name=a", headers=form).status_code == 415
