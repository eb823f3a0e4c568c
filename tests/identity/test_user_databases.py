"""Users of servers that share a database, and of one whose database goes away."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from postgres_server import Postgres
from serving import serving, wait_until
from user_site import (
    MODEL,
    NUMBER,
    PASSWORD,
    PREDICT,
    client_of,
    first_admin,
    log_in,
    logged_in,
    renewed,
    session_name,
)


def test_servers_that_share_a_database_share_users_and_what_ends(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    shared = ("--auth", "on", "--database-url", url)
    with serving(MODEL, *shared, "--data-dir", str(tmp_path / "a")) as first:
        assert first_admin(first).status_code == 201
        with serving(MODEL, *shared, "--data-dir", str(tmp_path / "b")) as second:
            tokens = logged_in(first, "anna")
            with (
                client_of(first, tokens["access_token"]) as one,
                client_of(second, tokens["access_token"]) as two,
            ):
                for _ in range(2):
                    assert two.post(PREDICT, json=NUMBER).status_code == 200
                assert log_in(second, "an\0na").status_code == 401  # PostgreSQL takes no NUL in a text
                for path in ("jobs/%00", "users/%00", "jobs/%00/log", "models/echo/train/%00"):
                    assert two.get(f"/v2/{path}").status_code == 404
                assert two.get("/v2/jobs?model=%00").json()["jobs"] == []
                new = renewed(second, tokens["refresh_token"]).json()
                assert one.post("/v2/logout").status_code == 204
                wait_until(lambda: two.post(PREDICT, json=NUMBER).status_code == 401, lambda: second.log)
            assert renewed(first, new["refresh_token"]).status_code == 400


@pytest.mark.slow
def test_while_the_database_is_away_those_who_are_known_go_on_and_nobody_else(
    postgres: Postgres, tmp_path: Path
) -> None:
    shared = ("--auth", "on", "--database-url", postgres.new_database(), "--data-dir", str(tmp_path))
    with serving(MODEL, *shared) as server:
        assert first_admin(server).status_code == 201
        known, new = (logged_in(server, "anna") for _ in range(2))
        name = session_name(server)
        cookie = {"cookie": f"{name}={log_in(server, 'anna').cookies[name]}"}
        with client_of(server, known["access_token"]) as one, client_of(server, new["access_token"]) as two:
            assert one.post(PREDICT, json=NUMBER).status_code == 200
            postgres.stop("immediate")
            try:
                assert one.post(PREDICT, json=NUMBER).status_code == 200
                for refused in (
                    two.post(PREDICT, json=NUMBER),
                    httpx.get(f"{server.url}/v2/me", headers=cookie, timeout=60.0),
                    log_in(server, "anna"),
                    renewed(server, new["refresh_token"]),
                    server.client.post(
                        "/v2/setup", json={"token": "a", "username": "b", "password": PASSWORD}
                    ),
                ):
                    assert refused.status_code == 503, refused.text
            finally:
                postgres.start()
            wait_until(lambda: two.post(PREDICT, json=NUMBER).status_code == 200, lambda: server.log)
            assert renewed(server, new["refresh_token"]).status_code == 200
