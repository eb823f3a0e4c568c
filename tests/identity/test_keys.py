"""Keys: their form, what becomes of them, and whose jobs they are."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from postgres_server import Postgres
from serving import MODELS, Server, environment, serving, wait_until

from modelport.api.standing import REVOKED
from modelport.cli.keys_store import DatabaseKeys
from modelport.client import Client, RequestRefused
from modelport.identity.key_text import hash_of, is_key, new_key, prefix_of
from modelport.settings import Settings
from modelport.storage.data_folder import DATABASE

JOB = {"Prefer": "respond-async"}


def modelport(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelport", *arguments]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


def made(data: Path, name: str, *scopes: str) -> str:
    """A new key."""
    keys = DatabaseKeys(Settings(data_dir=str(data)))
    return keys.create({"name": name, "scopes": scopes, "models": None, "expires": None})["key"]


def client_of(server: Server, key: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=30.0)


class Site:
    """A server that asks who one is, an administrator, and two who predict and train."""

    def __init__(self, server: Server, data: Path, keys: dict[str, str]):
        self.server = server
        self.data = data
        self.keys = keys
        self.admin, self.one, self.two = (client_of(server, keys[name]) for name in ("admin", "one", "two"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    keys = {"admin": made(data, "admin", "admin")}
    keys |= {name: made(data, name, "predict", "train") for name in ("one", "two")}
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", "--auth", "on", "--data-dir", str(data)) as server:
        site = Site(server, data, keys)
        wait_until(lambda: site.admin.get("/v2/keys").status_code == 200, lambda: server.log)
        yield site
        for client in (site.admin, site.one, site.two):
            client.close()


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_known_by_its_form(random: bytes) -> None:
    key = new_key(lambda count: random[:count])
    assert is_key(key)
    assert key.startswith(prefix_of(key))
    assert len(hash_of(key)) == 32
    assert not is_key(key[:-1])
    assert not is_key(key + "0")
    assert not is_key(key[:20] + ("a" if key[20] != "a" else "b") + key[21:])


def test_keys_are_all_different() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000


def test_a_key_is_shown_once_and_never_stored(site: Site) -> None:
    answer = site.admin.post("/v2/keys", json={"name": "shown", "scopes": ["read"], "expires": "90d"})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    key, about = body["key"], body["about"]
    assert is_key(key)
    assert about["prefix"] == prefix_of(key)
    assert (about["state"], about["scopes"], about["models"]) == ("usable", ["read"], None)
    assert about["expires_at"] > about["created_at"]
    assert key not in site.admin.get("/v2/keys").text + site.admin.get("/v2/audit").text + site.server.log
    for file in site.data.glob("jobs.sqlite*"):
        assert key.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": " ", "scopes": ["read"]}, "name"),
        ({"name": "a\nb", "scopes": ["read"]}, "name"),
        ({"name": "a" * 201, "scopes": ["read"]}, "name"),
        ({"name": "a", "scopes": []}, "scopes"),
        ({"name": "a", "scopes": ["all"]}, "scopes"),
        ({"name": "a", "scopes": ["open"]}, "scopes"),
        ({"name": "a", "scopes": ["read"], "models": []}, "models"),
        ({"name": "a", "scopes": ["read"], "models": ["a,b"]}, "models"),
        ({"name": "a", "scopes": ["read"], "expires": "soon"}, "expires"),
        ({"name": "a", "scopes": ["read"], "expires": ""}, "expires"),
        ({"name": "a", "scopes": ["read"], "expires": "0"}, "expires"),
        ({"name": "a", "scopes": ["read"], "expires": "9999999d"}, "expires"),
        ({"name": "a", "scopes": ["read"], "expires": "9" * 400}, "expires"),
        ({"name": "a", "scopes": ["read"], "expired": "1d"}, "expired"),
    ],
)
def test_a_key_that_cannot_be_made_says_why(site: Site, asked: dict[str, Any], word: str) -> None:
    answer = site.admin.post("/v2/keys", json=asked)
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["detail"]


def test_a_grace_that_no_calendar_has_is_refused(site: Site) -> None:
    site.admin.post("/v2/keys", json={"name": "lasting", "scopes": ["read"]})
    answer = site.admin.post("/v2/keys/lasting/rotate", json={"grace": "9999999d"})
    assert (answer.status_code, "grace" in answer.json()["detail"]) == (422, True)
    assert site.admin.get("/v2/keys").status_code == 200


def test_a_replaced_key_can_be_used_for_its_grace(site: Site) -> None:
    old = site.admin.post("/v2/keys", json={"name": "turning", "scopes": ["read"]}).json()["key"]
    new = site.admin.post("/v2/keys/turning/rotate", json={"grace": "1h"}).json()["key"]
    with client_of(site.server, old) as before, client_of(site.server, new) as after:
        assert before.get("/v2/models/").status_code == after.get("/v2/models/").status_code == 200
        several = site.admin.delete("/v2/keys/turning")
        assert several.status_code == 409
        assert prefix_of(old) in several.json()["detail"]
        assert site.admin.delete(f"/v2/keys/{prefix_of(old)}").json()["state"] == "revoked"
        wait_until(lambda: before.get("/v2/models/").status_code == 401, lambda: site.server.log)
        assert after.get("/v2/models/").status_code == 200
    assert site.admin.post(f"/v2/keys/{prefix_of(old)}/rotate", json={}).status_code == 409
    assert site.admin.delete("/v2/keys/none").status_code == 404


def test_what_was_done_is_told_with_who_has_done_it(site: Site) -> None:
    admin = site.admin.get("/v2/keys").json()["keys"]
    mine = next(key["id"] for key in admin if key["name"] == "admin")
    made = site.admin.post("/v2/keys", json={"name": "told", "scopes": ["read"]}).json()["about"]
    site.admin.delete(f"/v2/keys/{made['id']}")
    records = site.admin.get("/v2/audit?limit=2").json()
    assert [record["action"] for record in records["records"]] == ["keys.revoke", "keys.create"]
    assert {record["principal"] for record in records["records"]} == {f"key:{mine}"}
    assert {record["name"] for record in records["records"]} == {"admin"}
    assert {record["target"] for record in records["records"]} == {made["id"]}
    older = site.admin.get("/v2/audit", params={"cursor": records["next_cursor"]}).json()["records"]
    assert older[0]["number"] == records["records"][-1]["number"] - 1
    shown = modelport("audit", "--data-dir", str(site.data))
    assert "keys.revoke" in shown.stdout
    assert "admin (key:" in shown.stdout


def test_a_scope_of_a_later_version_costs_a_key_that_scope_alone(site: Site) -> None:
    later = made(site.data, "later", "predict", "train")
    with sqlite3.connect(site.data / DATABASE) as database:
        database.execute("UPDATE keys SET scopes = 'predict,tomorrow' WHERE name = 'later'")
    database.close()
    next_one = made(site.data, "next", "read")  # the servers read all of them again
    with client_of(site.server, next_one) as client:
        wait_until(lambda: client.get("/v2/models/").status_code == 200, lambda: site.server.log)
    with client_of(site.server, later) as client:
        assert client.post("/v2/models/echo/predict", json={"n": 1}).status_code not in (401, 403)
        assert client.post("/v2/models/echo/train/", json={}).status_code == 403


def test_jobs_are_of_who_has_asked_for_them(site: Site) -> None:
    job = site.one.post("/v2/models/echo/predict", json={"number": 7}, headers=JOB).json()
    place = f"/v2/jobs/{job['id']}"
    assert site.one.get(place).json()["requested_by"].startswith("key:")
    for client, status in ((site.one, 200), (site.two, 404), (site.admin, 200)):
        for part in ("", "/log", "/metrics", "/artifacts/", "/events"):
            with client.stream("GET", place + part) as answer:
                assert answer.status_code == status, (part, answer.status_code)
        listed = client.get("/v2/jobs", params={"model": "echo", "limit": 500}).json()["jobs"]
        assert (job["id"] in [one["id"] for one in listed]) is (status == 200)
    wait_until(lambda: site.one.get(f"{place}/result").status_code == 200, lambda: site.server.log)
    assert site.two.get(f"{place}/result").status_code == 404
    assert site.two.delete(place).status_code == site.two.post(f"{place}/retry", json={}).status_code == 404
    assert site.one.delete(place).status_code == 200
    cancelled = site.admin.get("/v2/audit?limit=1").json()["records"][0]
    assert (cancelled["action"], cancelled["target"]) == ("jobs.cancel", place)


def test_jobs_of_others_are_seen_by_who_reads_all_and_ended_by_administrators(site: Site) -> None:
    job = site.one.post("/v2/models/echo/predict", json={"number": 8}, headers=JOB).json()
    place = f"/v2/jobs/{job['id']}"
    keys = [
        site.admin.post(
            "/v2/keys", json={"name": "reader", "scopes": ["read", "train"], "models": models}
        ).json()
        for models in (None, ["echo"])
    ]
    with (
        client_of(site.server, keys[0]["key"]) as all_models,
        client_of(site.server, keys[1]["key"]) as one_model,
    ):
        wait_until(lambda: all_models.get("/v2/jobs").status_code == 200, lambda: site.server.log)
        assert all_models.get(place).status_code == 200
        assert all_models.delete(place).status_code == 403
        assert one_model.get(place).status_code == one_model.delete(place).status_code == 404


def test_a_key_in_the_place_of_another_has_its_jobs(site: Site) -> None:
    old = site.admin.post("/v2/keys", json={"name": "owner", "scopes": ["predict"]}).json()
    with client_of(site.server, old["key"]) as before:
        job = before.post("/v2/models/echo/predict", json={"number": 7}, headers=JOB).json()
    new = site.admin.post("/v2/keys/owner/rotate", json={}).json()
    assert new["about"]["id"] != old["about"]["id"]
    assert new["about"]["subject"] == old["about"]["subject"] == job["requested_by"]
    with client_of(site.server, new["key"]) as after:
        assert after.get(f"/v2/jobs/{job['id']}").status_code == 200
        assert after.delete(f"/v2/jobs/{job['id']}").status_code in (200, 202)


def test_one_idempotency_key_of_two_is_two_jobs(site: Site) -> None:
    headers = {**JOB, "Idempotency-Key": "same"}
    answers = [
        client.post("/v2/models/echo/predict", json={"number": 1}, headers=headers)
        for client in (site.one, site.two)
    ]
    assert [answer.status_code for answer in answers] == [202, 202], [answer.text for answer in answers]
    assert answers[0].headers["location"] != answers[1].headers["location"]


def test_trainings_are_of_who_has_asked_for_them(tmp_path: Path) -> None:
    keys = [made(tmp_path, scope, scope) for scope in ("train", "train", "admin")]
    model = f"t={MODELS / 'training_models.py'}:OnlyTrains"
    with serving(model, "--auth", "on", "--data-dir", str(tmp_path)) as server, ExitStack() as opened:
        first, second, admin = (opened.enter_context(client_of(server, key)) for key in keys)
        wait_until(lambda: admin.get("/v2/keys").status_code == 200, lambda: server.log)
        begun = first.post("/v2/models/t/train/", json={}).json()
        place = f"/v2/models/t/train/{begun['uuid']}"
        assert first.get(place).status_code == admin.get(place).status_code == 200
        assert second.get(place).status_code == second.delete(place).status_code == 404
        listed = [len(client.get("/v2/models/t/train/").json()) for client in (first, second, admin)]
        assert listed == [1, 0, 1]


def test_the_clients_send_their_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(site.server.url, key=site.keys["one"]) as client:
        assert client.predict("echo", number=3)["number"] == 3
    monkeypatch.setenv("MODELPORT_KEY", site.keys["one"])
    with Client(site.server.url) as client:
        assert client.predict("echo", number=4)["number"] == 4
    with Client(site.server.url, headers={"Authorization": "Bearer mpk_other"}) as client:
        with pytest.raises(Exception, match="the key is not valid"):
            client.predict("echo", number=4)


def test_a_client_whose_key_may_only_predict_predicts_arrays_too(site: Site) -> None:
    with Client(site.server.url, key=site.keys["one"]) as client:
        assert client.predict("echo", number=numpy.array(5))["number"] == 5  # whose form is in documents else
        with pytest.raises(RequestRefused, match="it needs read, and has predict, train on all models"):
            client.models()


def test_commands_send_the_key_of_the_variable(site: Site) -> None:
    without = modelport("keys", "list", "--url", site.server.url)
    assert without.returncode == 1
    assert "Authorization: Bearer" in without.stderr
    assert "send what is in MODELPORT_KEY" in without.stderr
    listed = modelport("keys", "--url", site.server.url, "--json", MODELPORT_KEY=site.keys["admin"])
    assert "admin" in [key["name"] for key in json.loads(listed.stdout)]
    jobs = modelport("jobs", "--url", site.server.url, MODELPORT_KEY=site.keys["admin"])
    assert jobs.returncode == 0, jobs.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--name", "a", "--scopes", "all"), "none of predict, train, read, promote, admin"),
        (("create", "--name", "a", "--scopes", "read", "--expires", "soon"), "no duration"),
        (("create", "--name", "a", "--scopes", "read", "--expires", "0d"), "more than 0 seconds"),
        (("create", "--name", "a", "--scopes", "read", "--expires", "9999999d"), "100 years at most"),
        (("create", "--name", "", "--scopes", "read"), "name"),
        (("create", "--name", "a", "--scopes", ","), "scopes"),
        (("revoke", "none"), "there is no key 'none'"),
        (("list", "--url", "http://127.0.0.1:1"), "give one of them"),
    ],
)
def test_wrong_commands_say_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = modelport("keys", *arguments, "--data-dir", str(tmp_path))
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_elsewhere_needs_a_word_about_who_may_ask(host: str, tmp_path: Path) -> None:
    model = f"{MODELS / 'echoes.py'}:Echo"
    done = modelport("serve", model, "--host", host, "--port", "0", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert "--auth on" in done.stderr
    assert "--auth off" in done.stderr


def test_auth_off_said_aloud_lets_everybody_in(tmp_path: Path) -> None:
    model = f"{MODELS / 'echoes.py'}:Echo"
    with serving(model, "--host", "0.0.0.0", "--auth", "off", "--data-dir", str(tmp_path)) as server:
        assert (
            httpx.get(
                f"http://127.0.0.1:{server.url.rpartition(':')[2]}/v2/models/", timeout=60.0
            ).status_code
            == 200
        )


def test_documents_are_open_where_that_is_set_and_a_server_without_a_key_says_so(tmp_path: Path) -> None:
    model = f"{MODELS / 'echoes.py'}:Echo"
    with serving(model, "--auth", "on", "--open-documents", "--data-dir", str(tmp_path)) as server:
        for path in ("/openapi.json", "/swagger.json", "/docs", "/static/swagger/page.js"):
            assert server.client.get(path).status_code == 200
        assert server.client.get("/v2/models/").status_code == 401
        schemes = server.client.get("/openapi.json").json()["components"]["securitySchemes"]
        assert set(schemes) == {"bearer", "key", "session"}
        wait_until(lambda: "there is no user and no key that can be used" in server.log, lambda: server.log)


def test_servers_that_share_a_database_share_keys_and_revocations(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    shared = ("--auth", "on", "--database-url", url, "--poll-seconds", "60")  # they tell each other
    models = (f"echo={MODELS / 'echoes.py'}:Echo", f"slow={MODELS / 'trainable.py'}:Trainable")
    with serving(*models, *shared, "--data-dir", str(tmp_path / "a")) as first:
        done = modelport("keys", "create", "--name", "a", "--scopes", "admin", "--database-url", url)
        key = done.stdout.strip()
        with serving(models[0], *shared, "--data-dir", str(tmp_path / "b")) as second:
            with client_of(first, key) as one, client_of(second, key) as two:
                wait_until(lambda: one.get("/v2/keys").status_code == 200, lambda: first.log, 30.0)
                wait_until(lambda: two.get("/v2/keys").status_code == 200, lambda: second.log, 30.0)
                other = one.post("/v2/keys", json={"name": "b", "scopes": ["admin"]}).json()["key"]
                job = one.post("/v2/models/slow/train", json={"mode": "polite", "epochs": 0}).json()["uuid"]
                with (
                    two.stream("GET", f"/v2/jobs/{job}/events") as ends,
                    client_of(second, other) as three,
                ):
                    wait_until(lambda: three.get("/v2/keys").status_code == 200, lambda: second.log, 30.0)
                    with three.stream("GET", f"/v2/jobs/{job}/events") as goes_on:
                        assert one.delete("/v2/keys/a").json()["state"] == "revoked"
                        assert REVOKED in ends.read().decode()
                        wait_until(lambda: two.get("/v2/keys").status_code == 401, lambda: second.log, 30.0)
                        wait_until(lambda: one.get("/v2/keys").status_code == 401, lambda: first.log, 30.0)
                        assert three.delete(f"/v2/jobs/{job}").status_code in (200, 202)
                        assert '"cancelled"' in goes_on.read().decode()
