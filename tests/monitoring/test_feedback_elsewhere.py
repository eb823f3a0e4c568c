"""Feedback that is told to another server than the one that has answered, where they share a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from making import as_it_is
from postgres_server import Postgres
from serving import MODELS, Server, serving

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings
from modelport.storage.service import Storage
from modelport.telemetry.payloads import waiting
from modelport.telemetry.payloads.messages import Truth
from modelport.telemetry.payloads.waiting import WaitingTruths

ONE = {"amount": 120.0, "colour": "red"}
V2 = "/v2/models/risk"
WAITING = "SELECT count(*) FROM waiting_truths"


class Site(NamedTuple):
    """Servers on one database, and the keys of those who ask: `sue` may read everything."""

    servers: list[Server]
    keys: dict[str, str]
    postgres: Postgres
    url: str

    def predicted(self, by: str, server: int = 0) -> str:
        """Ask one of the servers; returns the id of the answer."""
        answer = self.asked(server, by, "predict", ONE)
        assert answer.json()["risk"] == "high"
        return answer.headers["x-request-id"]

    def asked(self, server: int, by: str, what: str, body: dict[str, Any]) -> httpx.Response:
        """Send something to one of the servers."""
        headers = {"x-api-key": self.keys[by]}
        return self.servers[server].client.post(f"{V2}/{what}", json=body, headers=headers)

    def told(self, server: int, by: str, request_id: str, truth: Any) -> dict[str, Any]:
        """Tell one of the servers what an answer should have been."""
        answer = self.asked(server, by, "feedback", {"request_id": request_id, "truth": truth})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def report(self, server: int, window: str) -> dict[str, Any]:
        """What one of the servers says; each window is another report."""
        headers = {"x-api-key": self.keys["sue"]}
        answer = self.servers[server].client.get(
            f"{V2}/monitoring", params={"window": window}, headers=headers, timeout=120.0
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def count(self) -> int:
        """How many truths wait."""
        return self.postgres.number(WAITING, self.url)


@pytest.fixture(scope="module")
def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = postgres.new_database()
    data = tmp_path_factory.mktemp("shared")
    store = DatabaseKeys(Settings(database_url=url, auth="on"))
    scopes = {"ann": ["predict"], "ben": ["predict"], "sue": ["predict", "read"]}
    keys = {
        name: store.create({"name": name, "scopes": of, "models": None, "expires": None})["key"]
        for name, of in scopes.items()
    }
    shared = ("--auth", "on", "--database-url", url, "--data-dir", str(data), "--log-payloads", "1")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(f"risk={MODELS / 'monitored.py'}:Risk", *shared, *own))
            # the last one can keep none: its folder is the first one's
            for own in ((), (), ("--payload-dir", str(data / "payloads")))
        ]
        yield Site(servers, keys, postgres, url)


@pytest.mark.slow
def test_what_another_server_was_told_is_in_the_report_of_the_one_that_has_answered(site: Site) -> None:
    ids = [site.predicted("ann") for _ in range(4)]
    waits = {"kept": 0, "known": 0, "waiting": 1, "refused": []}
    assert site.told(1, "ann", ids[0], "high") == waits
    assert site.told(1, "ann", ids[1], "high") == waits
    assert site.told(1, "ann", ids[1], "low") == waits  # a correction
    assert site.told(1, "ben", ids[1], "high") == waits  # whose prediction that is only the other one knows
    assert site.told(1, "ann", ids[2], ["low", "high"]) == waits
    assert site.told(1, "ann", ids[3], "low") == waits
    assert site.told(0, "ann", ids[3], "high")["kept"] == 1  # and this is newer
    assert site.told(1, "ann", "of-nobody", "low") == waits
    assert site.told(2, "ann", "of-nobody", "low") == waits
    assert site.count() == 6
    assert site.report(1, "24h")["versions"] == []
    begin = len(site.servers[0].lines)
    [version] = site.report(0, "24h")["versions"]
    assert (version["feedback"]["count"], version["feedback"]["unmatched"]) == (3, 0)
    assert version["feedback"]["accuracy"] == pytest.approx(2 / 3)
    site.servers[0].wait_for_log(f"on {ids[1]} is not kept: somebody else has asked", start=begin)
    site.servers[0].wait_for_log(f"on {ids[2]} is not kept: it is a list of 2", start=begin)
    assert site.count() == 1  # that of nobody
    assert site.told(1, "sue", ids[2], {"risk": "high"}) == waits  # who may read everything
    assert site.report(0, "23h")["versions"][0]["feedback"]["count"] == 4
    here = site.predicted("sue")
    many = [{"request_id": here, "truth": "high"}, {"request_id": "elsewhere", "truth": "x"}]
    answer = site.asked(0, "sue", "feedback", {"feedback": many}).json()
    assert answer == {"kept": 1, "known": 0, "waiting": 1, "refused": []}


@pytest.mark.slow
def test_each_server_of_a_data_folder_has_a_folder_of_its_own(site: Site) -> None:
    ids = [site.predicted("ann", 1) for _ in range(2)]
    assert site.told(1, "ann", ids[0], "high")["kept"] == 1
    [version] = site.report(1, "22h")["versions"]
    assert (version["calls"], version["feedback"]["count"]) == (2, 1)
    said = [re.search("kept in .*/payloads-2: other servers have", one.log) for one in site.servers]
    assert sum(map(bool, said[:2])) == 1, "the one that was not first"
    refused = site.servers[2].client.get(f"{V2}/monitoring", headers={"x-api-key": site.keys["sue"]})
    assert refused.status_code == 503
    assert "another server keeps its payload log in this folder" in site.servers[2].log


@pytest.mark.anyio
async def test_so_many_of_one_giver_wait_and_no_more(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 3)
    storage = Storage(Settings(data_dir=str(tmp_path), database_url=where if "://" in where else None))
    await storage.open(as_it_is)
    try:
        truths = WaitingTruths(storage, Settings(payload_keep="30d"))
        assert truths.is_shared == ("://" in where)
        some = [Truth(f"id-{number}", {"n": number}) for number in range(3)]
        assert (await truths.put("m", some, None, "ann")).waiting == ["id-0", "id-1", "id-2"]
        assert (await truths.put("m", [Truth("id-3", 1)], None, "ann")).too_many == ["id-3"]
        assert (await truths.put("m", [Truth("id-3", 1)], "ben", "ben")).waiting == ["id-3"]
        assert (await truths.put("m", [Truth("id-4", "x" * 70_000)], None, "eve")).too_large == ["id-4"]
        found = await truths.of("m")
        assert [(one.truth.request_id, one.owner, one.giver) for one in found][3:] == [("id-3", "ben", "ben")]
        assert found[1].truth.truth == {"n": 1}
        await truths.put("m", [Truth("id-3", 2)], "ben", "ben")  # after it was read
        await truths.remove("m", found)
        assert [one.truth.truth for one in await truths.of("m")] == [2]
        aged = WaitingTruths(storage, Settings(payload_keep="1s"))
        aged._keep_seconds = -1.0  # pyright: ignore[reportPrivateUsage] - all of it is older than that
        await aged.put("n", [Truth("id-9", 1)], None, "ann")
        assert await truths.of("m") == []
    finally:
        await storage.close()
