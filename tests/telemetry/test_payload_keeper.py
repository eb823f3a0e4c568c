"""The payload log by itself: its bounds, its files, and what happens when its process or its disk fails."""

from __future__ import annotations

import io
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time
from typing import Any

import msgspec
import pytest
from serving import wait_until

from modelport.contract.calls import Answer, Call
from modelport.settings import Settings
from modelport.telemetry.payloads import log as payload_log
from modelport.telemetry.payloads.log import PayloadLog, PayloadsUnavailable
from modelport.telemetry.payloads.meaning import HIDDEN
from modelport.telemetry.payloads.messages import Truth
from modelport.telemetry.payloads.pruning import prune_unused
from modelport.telemetry.payloads.reading import Reading
from modelport.telemetry.payloads.records import Record
from modelport.telemetry.payloads.sampling import Rules, gap
from modelport.telemetry.payloads.segments import segments
from modelport.telemetry.payloads.tables import table_records

RULES = Rules("m", 0, [], 1 << 16)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ASIDE = b'{"columns": ["a"], "rows": [[{"secret": %b}]], "secret": %b}'
ROWS = b'{"columns": ["a", "secret"], "rows": [[1, %b]]}'
SECONDS = 30.0


class Log:
    """A payload log in a folder."""

    def __init__(self, folder: Path, **settings: Any):
        self.folder = folder / "payloads"
        self.log = PayloadLog(Settings(log_payloads=1.0, **settings), folder, lambda number: f"id-{number}")

    def keep(self, number: int, body: bytes = b'{"x": 1}', rules: Rules = RULES, **call: Any) -> None:
        """A prediction that is kept."""
        made = Call(number, body=body, **{"content_type": JSON, **call})
        taken = self.log.take(made, f"id-{number}", rules)
        assert taken is not None
        self.log.keep(taken, Answer(number, body=b'{"y": 2}'))

    def state(self) -> dict[str, Any]:
        return self.log.state().result(SECONDS)

    def lines(self) -> list[dict[str, Any]]:
        """All that is in files of lines, when all was written."""
        self.state()
        files = sorted(self.folder.glob("*/*.jsonl"))
        return [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]

    @property
    def keeper(self) -> int:
        """The process that keeps it."""
        keeper = self.log._keeper  # pyright: ignore[reportPrivateUsage]
        assert keeper is not None
        return keeper._process.pid  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Log]]:
    logs: list[Log] = []

    def open_log(**settings: Any) -> Log:
        logs.append(Log(tmp_path, **settings))
        return logs[-1]

    yield open_log
    for one in logs:
        one.log.close()


def test_what_is_kept_is_for_its_owner_alone(opened: Callable[..., Log]) -> None:
    log = opened()
    log.keep(1)
    [line] = log.lines()
    assert (line["request_id"], line["model"], line["version"], line["status"]) == ("id-1", "m", 0, 200)
    assert line["input"] == {"type": JSON, "bytes": 8, "value": {"x": 1}}
    assert line["answer"] == {"type": JSON, "bytes": 8, "value": {"y": 2}}
    for path in [log.folder, *log.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def csv(rows: int) -> bytes:
    return b"a,secret\n" + b"".join(b"%d,t\n" % row for row in range(rows))


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = io.BytesIO()
    pq.write_table(pa.table({"a": [1, None], "secret": ["t", "u"]}), made)
    return made.getvalue()


def table(a: list[Any], secret: Any) -> dict[str, Any]:
    """A table of two rows, as it is kept."""
    return {"columns": {"a": a, "secret": secret}, "rows": 2}


def rows(secret: str) -> dict[str, Any]:
    """A table in JSON."""
    return {"t": {"columns": ["a", "secret"], "rows": [[1, secret]]}}


def aside(within: str, beside: str) -> dict[str, Any]:
    """A table in JSON, with more in its cells and beside it."""
    return {"columns": ["a"], "rows": [[{"secret": within}]], "secret": beside}


@pytest.mark.parametrize(
    ("body", "content_type", "kept", "hidden"),
    [
        (b'{"a": 1, "secret": "t"}', JSON, {"a": 1, "secret": "t"}, {"a": 1, "secret": HIDDEN}),
        (b'{"a": {"secret": [1]}}', JSON, {"a": {"secret": [1]}}, {"a": {"secret": HIDDEN}}),
        (b'[{"a": NaN}]', JSON, [{"a": None}], [{"a": None}]),
        (b"a=1&secret=t", FORM, {"a": 1, "secret": "t"}, {"a": 1, "secret": HIDDEN}),
        (b"a=1&a=t&secret=u", FORM, {"a": [1, "t"], "secret": "u"}, {"a": [1, "t"], "secret": HIDDEN}),
        (csv(2), "text/csv", table([0, 1], ["t", "t"]), table([0, 1], HIDDEN)),
        (parquet(), "application/vnd.apache.parquet", table([1, None], ["t", "u"]), table([1, None], HIDDEN)),
        (b'{"t": %b}' % (ROWS % b'"u"'), JSON, rows("u"), rows(HIDDEN)),
        (ASIDE % (b'"t"', b'"u"'), JSON, aside("t", "u"), aside(HIDDEN, HIDDEN)),
        (b'{"a": [[1, "t"]]}', JSON, {"a": [[1, "t"]]}, None),  # which of them is the secret?
        (b'{"a": "{\\"secret\\": 1}"}', JSON, {"a": '{"secret": 1}'}, None),
        (b"\x89PNG\x00", "image/png", None, None),
        (b'{"a": ', JSON, None, None),
        (b"[" * 5000, JSON, None, None),
        (b"PAR1" + bytes(100) + b"PAR1", "application/vnd.apache.parquet", None, None),
        (b"", "", None, None),
    ],
)  # fmt: skip
def test_what_was_sent_is_told_in_each_form_and_hidden(
    opened: Callable[..., Log], body: bytes, content_type: str, kept: Any, hidden: Any
) -> None:
    log = opened()
    log.keep(1, body, content_type=content_type, query=b"secret=s&k=1")
    log.keep(2, body, RULES._replace(hide=["secret"]), content_type=content_type, query=b"secret=s&k=1")
    log.keep(3, body, RULES._replace(hide=["*"]), content_type=content_type)
    shown, without, nothing = (line["input"] for line in log.lines())
    assert shown.get("value") == kept
    assert without.get("value") == hidden
    assert "value" not in nothing
    assert ("left_out" in shown, "left_out" in without) == (
        kept is None and bool(body),
        hidden is None and bool(body),
    )
    assert (shown["query"], without["query"]) == ({"secret": "s", "k": 1}, {"secret": HIDDEN, "k": 1})


def test_what_is_large_is_told_by_its_size(opened: Callable[..., Log]) -> None:
    log = opened(payload_max_size="1k")
    log.keep(1, b'"' + b"x" * 2000 + b'"', RULES._replace(most=1024))
    log.keep(2, csv(1500), content_type="text/csv")
    large, table = (line["input"] for line in log.lines())
    assert (large["bytes"], "value" in large) == (2002, False)
    assert "payload_max_size" in large["left_out"]
    assert (table["value"]["rows"], len(table["value"]["columns"]["a"])) == (1500, 1000)


def test_files_follow_each_other_and_the_oldest_go(opened: Callable[..., Log]) -> None:
    log = opened(payload_file_size="2k", payload_keep_size="8k")
    for number in range(200):
        log.keep(number)
    state = log.state()
    assert state["written"] == 200
    assert state["bytes"] <= 11 << 10  # and one that lines are added to
    kept = [line["request_id"] for line in log.lines()]
    assert kept == [f"id-{number}" for number in range(200 - len(kept), 200)]
    assert state["predictions"] == len(kept)  # the index has no others
    answer = log.log.feedback("m", [Truth("id-0", 1), Truth("id-199", 1)], None, "").result(SECONDS)
    assert (answer["unknown"], answer["kept"]) == (["id-0"], ["id-199"])


def test_full_files_become_parquet(opened: Callable[..., Log]) -> None:
    log = opened(payload_file_size="2k", payload_format="parquet")
    for number in range(20):
        log.keep(number)
    log.state()
    tables = sorted(log.folder.glob("m/*.parquet"))
    assert tables
    assert all(path.stat().st_mode & 0o077 == 0 for path in tables)
    read = [record for path in tables for record in table_records(path)]
    read += [msgspec.json.decode(msgspec.json.encode(line), type=Record) for line in log.lines()]
    assert [record.request_id for record in read] == [f"id-{number}" for number in range(20)]
    assert {str(record.input["value"]) for record in read} == {"{'x': 1}"}


def test_a_killed_keeper_is_started_again(
    opened: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload_log, "AGAIN_SECONDS", 0.0)
    log = opened()
    log.keep(1)
    log.state()
    os.kill(log.keeper, signal.SIGKILL)

    def is_kept_again() -> bool:
        try:
            return log.state()["written"] == 0
        except PayloadsUnavailable:
            return False

    wait_until(is_kept_again, lambda: "it was not started again", SECONDS)
    log.keep(2)
    assert [line["request_id"] for line in log.lines()] == ["id-1", "id-2"]
    answer = log.log.feedback("m", [Truth("id-1", 1), Truth("id-2", 1)], None, "").result(SECONDS)
    assert answer["kept"] == ["id-1", "id-2"]


def test_a_truth_that_cannot_be_told_is_refused_and_costs_nothing_else(opened: Callable[..., Log]) -> None:
    log = opened()
    log.keep(1)
    with pytest.raises(PayloadsUnavailable, match="cannot be asked that"):
        log.log.feedback("m", [Truth("id-1", 1 << 70)], None, "").result(SECONDS)
    assert log.log.feedback("m", [Truth("id-1", 1)], None, "").result(SECONDS)["kept"] == ["id-1"]


def test_half_a_line_is_set_aside(opened: Callable[..., Log]) -> None:
    log = opened()
    log.keep(1)
    log.state()
    log.log.close()
    [file] = log.folder.glob("m/*.jsonl")
    with file.open("ab") as torn:
        torn.write(b'{"at": "2026-')
    reading = Reading([log.folder], "m", 10, 1 << 20)
    [segment] = segments(log.folder)
    assert len(list(reading._records(segment))) == 1  # pyright: ignore[reportPrivateUsage]
    assert reading.torn == 1
    again = opened()
    again.keep(2)
    assert [line["request_id"] for line in again.lines()] == ["id-1", "id-2"]
    [aside] = log.folder.glob("m/*.torn")
    assert aside.read_bytes() == b'{"at": "2026-'


def test_a_full_disk_costs_predictions_and_no_more(opened: Callable[..., Log]) -> None:
    log = opened()
    for number in range(5):
        log.keep(number)
    before = log.state()
    limit = max(path.stat().st_size for path in log.folder.glob("m/*.jsonl")) + 100
    usual = resource.prlimit(log.keeper, resource.RLIMIT_FSIZE)
    resource.prlimit(log.keeper, resource.RLIMIT_FSIZE, (limit, usual[1]))
    for number in range(5, 10):
        log.keep(number)
    resource.prlimit(log.keeper, resource.RLIMIT_FSIZE, usual)
    log.keep(10)
    after = log.state()
    resource.prlimit(log.keeper, resource.RLIMIT_FSIZE, usual)
    kept = log.lines()  # each of them whole
    assert before["written"] == 5
    assert len(kept) == after["written"]
    assert after["written"] + after["unwritten"] == 11


def test_what_is_over_the_bounds_is_dropped_and_counted(
    opened: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened()
    log.keep(0)
    log.state()
    os.kill(log.keeper, signal.SIGSTOP)
    try:
        monkeypatch.setattr(payload_log, "MOST_WAITING", 16)
        for number in range(1, 3000):
            made = Call(number, body=b"x" * 2000, content_type="text/plain")
            taken = log.log.take(made, f"id-{number}", RULES)
            if taken is not None:
                log.log.keep(taken, Answer(number))
    finally:
        os.kill(log.keeper, signal.SIGCONT)
    assert log.log.dropped > 0
    assert log.state()["written"] + log.log.dropped == 3000


def test_two_servers_keep_no_log_in_one_folder(
    opened: Callable[..., Log], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = opened(), opened()
    first.keep(1)
    first.state()
    second.keep(2)
    with pytest.raises(PayloadsUnavailable):
        second.state()
    wait_until(lambda: "another server keeps its payload log" in caplog.text, lambda: caplog.text)
    assert [line["request_id"] for line in first.lines()] == ["id-1"]
    with pytest.raises(BlockingIOError):
        prune_unused(first.folder, None, time() + 1)


def test_servers_of_one_database_keep_a_log_each(opened: Callable[..., Log], tmp_path: Path) -> None:
    logs = [opened(database_url="postgresql://me:secret@there/one") for _ in range(3)]
    other = opened(database_url="postgresql://there/two")
    for number, one in enumerate((*logs, other), 1):
        one.keep(number)
        one.state()
    names = ["payloads", "payloads-2", "payloads-3"]
    assert [one.log.folder.name for one in logs] == names
    assert other.log.folder.name == "payloads-4", "that of another database"
    for one in (logs[1], logs[0]):
        one.log.close()
    again = opened(database_url="postgresql://me:other@there/one")
    assert again.state()["predictions"] == 1, "whoever has a folder has what is in it"
    assert again.log.folder.name == "payloads"
    other.log.close()
    os.utime(next(tmp_path.glob("payloads-2/m/*.jsonl")), (0, 0))
    os.utime(next(tmp_path.glob("payloads-4/m/*.jsonl")), (0, 0))
    (tmp_path / "payloads-5").touch()  # which is no folder, and nobody's
    last = opened(database_url="postgresql://there/one")
    assert last.state()["predictions"] == 0, "it was too old"
    assert last.log.folder.name == "payloads-2"
    assert len(list(tmp_path.glob("payloads-4/m/*.jsonl"))) == 1, "it is of another database"
    logs[2].log.close()
    os.utime(next(tmp_path.glob("payloads-3/m/*.jsonl")), (0, 0))
    last.log.close()
    assert opened(database_url="postgresql://there/one").state()["predictions"] == 0
    assert list(tmp_path.glob("payloads-3/m/*.jsonl")) == [], "nobody has that folder now"


def test_a_log_goes_on_in_its_folder_when_its_keeper_has_died(opened: Callable[..., Log]) -> None:
    first, second = (opened(database_url="postgresql://there/one") for _ in range(2))
    for one in (first, second):
        one.state()
    first.log.close()
    os.kill(second.keeper, signal.SIGKILL)

    def is_back() -> bool:
        try:
            return second.state() is not None
        except PayloadsUnavailable:
            return False

    wait_until(is_back, lambda: "", SECONDS)
    assert second.log.folder.name == "payloads-2"


def test_pruning_removes_what_is_older(opened: Callable[..., Log]) -> None:
    log = opened()
    log.keep(1)
    log.keep(2, rules=RULES._replace(model="n"))
    log.state()
    assert log.log.prune("m", time() - 3600).result(SECONDS) == {"files": 0, "bytes": 0}
    assert log.log.prune("m", time() + 1).result(SECONDS)["files"] == 1
    assert [line["request_id"] for line in log.lines()] == ["id-2"]
    log.log.close()
    assert prune_unused(log.folder, None, time() + 1)["files"] == 1
    assert segments(log.folder) == []


def test_a_share_of_predictions_is_taken() -> None:
    assert {gap(1.0) for _ in range(10)} == {1}
    gaps = [gap(0.1) for _ in range(20_000)]
    assert min(gaps) == 1
    assert 9.0 < sum(gaps) / len(gaps) < 11.0  # fourteen standard errors
