"""Who has used what, on which day, of which model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from making import as_it_is
from postgres_server import Postgres
from serving import MODELS, Server, serving, wait_until
from sqlalchemy import insert, select

from modelport.cli.keys import usage as usage_command
from modelport.cli.keys_store import DatabaseKeys
from modelport.identity.accounting import Accounting
from modelport.identity.allowances import Allowances, today
from modelport.identity.principals import Principal
from modelport.identity.quotas import OwnQuotas
from modelport.identity.rate_windows import LentWindow
from modelport.settings import Settings
from modelport.settings.written import Rate
from modelport.storage.schema.identity import allowances as kept
from modelport.storage.service import Storage
from modelport.telemetry.exchanges import Alike, Exchange
from modelport.telemetry.usage import MOST_ROWS, Usage, Used

PREDICT = "/v2/models/echo/predict"


class Site:
    """A server that asks who one is, with two who ask: an administrator, and one who may predict."""

    def __init__(self, server: Server, data: Path, keys: list[dict[str, Any]]):
        self.server = server
        self.data = data
        self.admin, self.mine = (one["key"] for one in keys)
        self.admin_id, self.my_id = (one["about"]["subject"] for one in keys)
        wait_until(lambda: self.ask(self.mine, "GET", "/nowhere").status_code == 404, lambda: server.log)

    def ask(self, key: str, method: str, path: str, **sent: Any) -> httpx.Response:
        return self.server.client.request(method, path, headers={"x-api-key": key}, **sent)

    def used(self, key: str, **query: str) -> list[dict[str, Any]]:
        answer = self.ask(key, "GET", "/v2/usage", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["usage"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    store = DatabaseKeys(Settings(data_dir=str(data)))
    scopes = {"root": ["admin"], "mine": ["predict", "train"]}
    keys = [store.create({"name": name, "scopes": has}) for name, has in scopes.items()]
    with serving(f"echo={MODELS / 'trainable.py'}:Trainable", "--auth", "on", "--data-dir", str(data)) as one:
        yield Site(one, data, keys)


def test_what_was_used_is_told_to_who_has_used_it(site: Site) -> None:
    before = next(iter(site.used(site.mine, model="echo")), None)
    assert before is None
    body = {"number": 5}
    sent = [site.ask(site.mine, "POST", PREDICT, json=body) for _ in range(3)]
    sent.append(site.ask(site.mine, "POST", PREDICT, data=body))
    sent.append(site.ask(site.mine, "POST", PREDICT, json={"number": "none"}))
    sent.append(site.ask(site.mine, "POST", "/v2/models/echo/train", json={}))
    site.ask(site.mine, "POST", "/v2/models/invented/predict", json={})
    [row] = site.used(site.mine, model="echo")
    assert (row["principal"], row["name"]) == (site.my_id, "mine")
    assert (row["requests"], row["calls"], row["errors"], row["jobs"]) == (6, 5, 1, 1)
    assert row["bytes_out"] == sum(len(one.content) for one in sent)
    assert row["bytes_in"] > 0
    assert row["model_seconds"] > 0
    models = {one["model"] for one in site.used(site.mine)}
    assert models == {"echo", ""}, "nobody can invent a model"


def test_others_are_told_of_with_admin_alone(site: Site) -> None:
    site.ask(site.admin, "GET", "/v2/models/")
    assert {one["principal"] for one in site.used(site.mine)} == {site.my_id}
    assert {one["principal"] for one in site.used(site.admin)} >= {site.my_id, site.admin_id}
    assert {one["principal"] for one in site.used(site.admin, principal=site.my_id)} == {site.my_id}
    refused = site.ask(site.mine, "GET", "/v2/usage", params={"principal": site.admin_id})
    assert (refused.status_code, "needs admin" in refused.json()["detail"]) == (403, True)
    assert site.server.client.get("/v2/usage").status_code == 401


def test_pages_have_all_of_it_once(site: Site) -> None:
    site.ask(site.admin, "GET", "/v2/models/echo")
    whole, pages, cursor = site.used(site.admin), list[dict[str, Any]](), None
    while True:
        query = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        answer = site.ask(site.admin, "GET", "/v2/usage", params=query).json()
        pages += answer["usage"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    places = [(one["day"], one["principal"], one["model"]) for one in pages]
    assert places == [(one["day"], one["principal"], one["model"]) for one in whole]


def test_the_command_shows_it(site: Site) -> None:
    ran = CliRunner().invoke(usage_command, ["--data-dir", str(site.data)])
    assert ran.exit_code == 0, ran.output
    assert "completion tokens" in " ".join(ran.output.split())


def exchange(principal: str, model: str) -> Exchange:
    return Exchange(
        began=today() * 86400.0,
        started=0,
        method="GET",
        path="/",
        principal=principal,
        model=model,
        bytes_in=1,
    )


def test_what_waits_while_the_database_is_away_is_bounded() -> None:
    usage = Usage(0, lambda name: True)
    for number in range(MOST_ROWS + 100):
        usage.hear(exchange(f"key:{number}", "echo"))
    assert len(usage._waiting) <= MOST_ROWS + 1
    assert sum(one.requests for one in usage._waiting.values()) == MOST_ROWS + 100


def test_what_is_alike_is_counted_on_the_day_that_it_began_and_not_into_what_is_written() -> None:
    usage = Usage(0, lambda name: name == "echo")
    known, unknown = (usage.of(Alike("key:a", model, 0, "predict", "v2")) for model in ("echo", "gone"))
    day = today()
    known(1, 2, 0.0, 0.25)
    known(1, 2, 86400.0, 0.25)
    known(1, 2, 0.0, 0.25)
    unknown(4, 8, 0.0, 0.25)
    assert {(place[0] - day, *place[1:]): one.requests for place, one in usage._waiting.items()} == {
        (0, "key:a", "echo"): 2,
        (-1, "key:a", "echo"): 1,
        (0, "key:a", ""): 1,
    }
    written, usage._waiting = usage._waiting, {}
    known(1, 2, 0.0, 0.25)
    assert written[day, "key:a", "echo"] == Used(
        requests=2, calls=2, bytes_in=2, bytes_out=4, model_seconds=0.5
    )
    assert list(usage._waiting.values()) == [
        Used(requests=1, calls=1, bytes_in=1, bytes_out=2, model_seconds=0.25)
    ]


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The URL of a new database that servers can share."""
    url = postgres.new_database()
    yield url
    postgres.empty(url)


async def accounting_of(url: str, allowances: Allowances) -> tuple[Accounting, Storage]:
    settings = Settings(database_url=url, auth="on")
    storage = Storage(settings)
    await storage.open(as_it_is)
    made = Accounting(storage, settings, allowances, lambda name: True)
    made.begin()
    return made, storage


def test_servers_of_one_database_let_in_no_more_than_the_rate_together(database: str) -> None:
    """With requests that alternate between two servers, and bytes that one of them has counted."""

    async def run() -> None:
        both = [Allowances(Settings()), Allowances(Settings())]
        made = [await accounting_of(database, one) for one in both]
        by = Principal("key:a", "a", frozenset(), quotas=OwnQuotas(rate="40/h", bytes_per_day=100))
        allowances = [one.of(by) for one in both]
        let_in = [0, 0]
        for number in range(200):
            allowance = allowances[number % 2]
            assert allowance is not None
            window = allowance.window
            assert isinstance(window, LentWindow)
            now = asyncio.get_running_loop().time()
            await window.prepare(now)
            if window.is_open(now):
                window.use()
                let_in[number % 2] += 1
        assert sum(let_in) == 40
        assert min(let_in) > 0
        made[0][0].hear(exchange("key:a", "echo"))
        made[0][0].hear(exchange("key:a", "echo"))
        await made[0][0].stop()
        await made[1][0].stop()
        assert [one is not None and one.bytes for one in allowances] == [2, 2]
        for _, storage in made:
            await storage.close()

    asyncio.run(run())


def test_what_is_left_of_a_rate_is_removed_when_its_time_is_over(database: str) -> None:
    async def run() -> None:
        first, storage = await accounting_of(database, Allowances(Settings()))
        over = insert(kept).values(principal="key:over", ends_at=1.0, used=3)
        await storage.database.write(lambda tx: tx.connection.execute(over) and None)
        await first.lend("key:now", Rate(5, 3600), 2)
        second, other = await accounting_of(database, Allowances(Settings()))
        await second.stop()  # which has looked by then
        left = await storage.database.read(lambda one: one.execute(select(kept.c.principal)).scalars().all())
        assert left == ["key:now"]
        assert (await first.lend("key:now", Rate(5, 3600), 5)).requests == 3
        assert (await first.lend("key:over", Rate(5, 3600), 9)).requests == 5
        await first.stop()
        for one in (storage, other):
            await one.close()

    asyncio.run(run())


def test_a_server_whose_database_is_away_counts_for_itself(database: str) -> None:
    async def run() -> None:
        one = Allowances(Settings())
        accounting, storage = await accounting_of(database, one)
        await storage.close()
        window = LentWindow("requests", Rate(5, 3600), "key:b", accounting)
        let_in = 0
        for _ in range(20):
            now = asyncio.get_running_loop().time()
            await window.prepare(now)
            if window.is_open(now):
                window.use()
                let_in += 1
        assert let_in == 5
        await accounting.stop()

    asyncio.run(run())
