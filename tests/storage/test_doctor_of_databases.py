"""What the doctor says of a PostgreSQL."""

from __future__ import annotations

import socket

from postgres_server import Postgres

from modelport.cli.doctor.databases import seen_of_database
from modelport.settings.reading import load_settings


def said(url: str, level: str) -> str:
    seen = seen_of_database(load_settings({"database_url": url, "auth": "on"}, environment={}))
    return "\n".join(f"{one.said} → {one.remedy}" for one in seen if one.level == level)


def test_its_tables_and_its_clock_are_looked_at(postgres: Postgres) -> None:
    url = postgres.new_database()
    found = said(url, "ok")
    assert "is empty: the first start makes its tables" in found
    assert "its clock differs by" in found
    assert "there is neither a key that can be used nor a user" in said(url, "note")


def test_one_that_does_not_answer_is_told_without_its_password() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"postgresql://user:secret@127.0.0.1:{bound.getsockname()[1]}/name"
        found = said(url, "error")
    assert "the database cannot be asked" in found
    assert "secret" not in found
