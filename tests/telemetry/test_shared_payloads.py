"""Payload logs of servers with disks of their own: what one has kept, another one sees, and no more of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

import pytest
from serving import wait_until

from modelport.contract.calls import Answer, Call
from modelport.settings import Settings
from modelport.telemetry.payloads.log import PayloadLog
from modelport.telemetry.payloads.messages import Truth
from modelport.telemetry.payloads.reading import Reading
from modelport.telemetry.payloads.sampling import Rules
from modelport.telemetry.payloads.shared import SharedPayloads
from modelport.telemetry.payloads.shared_names import PRUNED, ROOT, shared_file, truths_brought

RULES = Rules("m", 0, [], 1 << 16)
SECONDS = 60.0
EVER = (0.0, 4e9)
WHENEVER = (datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(4e9, UTC))


class Disk:
    """A server's: its log, and what it shares."""

    def __init__(self, url: str, folder: Path, **settings: Any):
        folder.mkdir(exist_ok=True)
        settings = {"payload_file_size": "1", **settings}  # each prediction has a file of its own
        given = Settings(log_payloads=1.0, files_url=url, data_dir=str(folder), **settings)
        self.log = PayloadLog(given, folder, str)
        self.shared = SharedPayloads(url, self.log, given, folder)
        self.place = self.shared._opened()

    def keep(self, name: str) -> None:
        """A prediction that is kept, of this id."""
        taken = self.log.take(
            Call(1, body=b'{"x": "%b"}' % name.encode(), content_type="application/json"), name, RULES
        )
        assert taken is not None
        self.log.keep(taken, Answer(1, body=b'{"y": 2}'))
        self.log.state().result(SECONDS)

    def send(self) -> None:
        """All that is done in time."""
        self.shared._looked_at = self.shared._rotated_at = float("-inf")
        self.shared.send()

    def seen(self) -> dict[str, Any]:
        """The ids of what others have kept, as it is seen here, with what is known of each."""
        brought = self.shared.bring("m", *EVER)
        assert brought.words == ""
        folders = [Path(folder) for folder in brought.folders]
        found = {one.request_id: None for one in Reading(folders, "m", 100, 1 << 30).records(*WHENEVER)}
        return found | dict(truths_brought(folders, "m", found))


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[list[Disk]]:
    made = [Disk(f"file://{tmp_path}/place", tmp_path / name) for name in ("one", "other")]
    yield made
    for disk in made:
        disk.log.close()


def test_what_one_has_kept_is_seen_by_the_other_with_what_was_told_of_it(disks: list[Disk]) -> None:
    one, other = disks
    for name in ("a", "b"):
        one.keep(name)
    one.send()
    assert other.seen() == {"a": None, "b": None}
    for truth in (1, 3):
        one.log.feedback("m", [Truth("b", {"y": truth})], None, "ann").result(SECONDS)
        one.send()
        assert other.seen() == {"a": None, "b": {"y": truth}}
    assert one.seen() == {}  # its own are no copies
    there = dict(one.place.objects(ROOT))
    one.send()
    assert one.place.objects(ROOT) == there  # nothing is put there again


def test_what_is_not_there_yet_is_put_there_at_the_end_or_at_the_next_start(
    disks: list[Disk], tmp_path: Path
) -> None:
    one, other = disks
    url = one.place.url
    two = Disk(url, tmp_path / "two", payload_file_size="1M")
    for disk in (one, two):
        disk.keep(f"first of {disk.log.folder.parent.name}")
    one.send()
    two.send()
    assert set(other.seen()) == {"first of one"}  # the file of the other is added to
    two.log.feedback("m", [Truth("first of two", {"y": 1})], None, "ann").result(SECONDS)
    two.log.close()
    two.shared.send_last()
    assert other.seen() == {"first of one": None, "first of two": {"y": 1}}

    again = Disk(url, tmp_path / "one", payload_file_size="1M")
    one.log.close()
    again.keep("second of one")
    again.log.close()  # as when it is killed: nothing is put there
    third = Disk(url, tmp_path / "one", payload_file_size="1M")
    third.send()
    third.log.close()
    assert set(other.seen()) == {"first of one", "second of one", "first of two"}


def test_a_file_ends_in_time_where_others_wait_for_it(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/place"
    one, other = (
        Disk(url, tmp_path / name, payload_file_size="16M", payload_file_time="1s") for name in ("one", "two")
    )
    one.keep("a")
    wait_until(lambda: one.log.closed().result(SECONDS)["closed"] != [], lambda: "no file has ended", SECONDS)
    one.send()
    assert set(other.seen()) == {"a"}
    one.log.close()
    other.log.close()


def test_what_is_removed_by_one_is_removed_everywhere(disks: list[Disk]) -> None:
    one, other = disks
    one.keep("a")
    other.keep("b")
    one.send()
    other.send()
    assert set(other.seen()) == {"a"}
    assert other.shared.prune("m", time() + 1)["files"] == 2
    assert other.seen() == {}
    one.send()
    assert not list(one.log.folder.glob("m/*"))  # on its own disk, too
    assert not list((one.log.folder.parent / "payloads-of-others").glob("*/m/*"))
    assert not one.place.objects(ROOT)
    other.shared.prune("m", time() + 2)
    one.send()
    assert len(one.place.objects(PRUNED)) == 1  # the last order says what those before did


def test_all_of_it_together_is_bounded(disks: list[Disk], tmp_path: Path) -> None:
    one, other = disks
    for number in range(6):
        (one, other)[number % 2].keep(str(number))
    one.send()
    other.send()
    third = Disk(one.place.url, tmp_path / "third")
    assert set(third.seen()) == set("012345")
    sizes = [found.size for found in one.place.objects(ROOT).values()]
    third.shared._keep_size = sum(sizes) - 1
    third.shared.rotate()
    assert set(third.seen()) == set("12345")  # without the oldest of all logs
    one.send()
    assert set(third.seen()) == set("12345")  # though it is on the disk of the one that has kept it
    third.shared._keep_seconds = 1e-9
    third.shared.rotate()
    assert third.seen() == {}
    third.log.close()


def test_what_was_changed_there_is_refused_and_said(disks: list[Disk]) -> None:
    one, other = disks
    one.keep("a")
    one.send()
    [key] = one.place.objects(ROOT)
    one.place.put(key, b"{}")
    one.place.put(f"{ROOT}/m/strange", b"{}")
    one.place.put(f"{PRUNED}/strange", b"{}")
    brought = other.shared.bring("m", *EVER)
    assert "is not what was put there" in brought.words
    assert brought.folders == [] or not list(Path(brought.folders[0]).glob("m/*"))
    other.send()
    assert shared_file(key.replace("/m/", "/../")) is None
    assert shared_file(f"{key}/x") is None
