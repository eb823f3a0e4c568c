"""What a thread writes of a log: all of it, in order, or it says how much is missing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import wait_until

from modelport.telemetry import log_writer
from modelport.telemetry.log_writer import LogWriter


def has(path: Path, text: str) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text() == text


def said(path: Path) -> Callable[[], str]:
    return lambda: repr(path.read_text() if path.exists() else None)


def test_texts_are_written_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = LogWriter(str(path))
    for number in range(1000):
        writer.say(f"{number}\n")
        writer.say(f"after {number}\nand after that\n", 2)
    writer.close()
    assert path.read_text() == "".join(
        f"{number}\nafter {number}\nand after that\n" for number in range(1000)
    )
    writer.say("late\n")
    assert path.read_text().endswith("and after that\nlate\n")


def test_a_file_that_was_renamed_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "LOOK_SECONDS", 0.0)
    path = tmp_path / "log"
    writer = LogWriter(str(path))
    writer.say("1\n")
    wait_until(has(path, "1\n"), said(path))
    path.rename(tmp_path / "log.1")
    writer.say("2\n")
    wait_until(has(path, "2\n"), said(path))
    writer.close()
    assert (tmp_path / "log.1").read_text() == "1\n"


def test_a_file_is_opened_anew_when_somebody_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "LOOK_SECONDS", 1e9)
    path = tmp_path / "log"
    writer = LogWriter(str(path))
    path.rename(tmp_path / "log.1")
    writer.reopen()
    wait_until(path.exists, said(path))
    writer.say("1\n")
    writer.close()
    assert (path.read_text(), (tmp_path / "log.1").read_text()) == ("1\n", "")


def test_a_file_that_was_cut_goes_on_at_its_new_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = LogWriter(str(path))
    writer.say("1\n")
    wait_until(has(path, "1\n"), said(path))
    os.truncate(path, 0)
    writer.say("2\n")
    writer.close()
    assert path.read_bytes() == b"2\n"


def test_what_nobody_reads_is_dropped_counted_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_writer, "MOST_TEXTS", 100)
    reading, writing = os.pipe()
    monkeypatch.setattr(log_writer, "_stderr", lambda: writing)
    line = "x" * 70_000 + "\n"  # more than the pipe holds
    writer = LogWriter(None)
    writer.say(line)
    wait_until(lambda: not writer.waits, lambda: "it is not being written")
    texts = [f"{number}\nand again\n" for number in range(125)]
    for text in texts:
        writer.say(text, 2)
    expected = "".join([line, *texts[:100]]).encode()
    found = b""
    while len(found) < len(expected):
        found += os.read(reading, 1 << 16)
    assert found == expected
    wait_until(lambda: "50 lines of the log were dropped" in caplog.messages, lambda: repr(caplog.messages))
    writer.close()
    os.close(reading)
    os.close(writing)


def test_what_cannot_be_written_is_told_once_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(log_writer, "_stderr", lambda: full)
    writer = LogWriter(None)
    writer.say("1\n")
    wait_until(lambda: writer.dropped == 1, lambda: str(writer.dropped))
    path = tmp_path / "log"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, full)
    writer.say("2\n")
    with caplog.at_level(logging.WARNING, "modelport.telemetry"):
        wait_until(
            lambda: "1 lines of the log were dropped" in caplog.messages, lambda: repr(caplog.messages)
        )
    writer.close()
    assert path.read_text() == "2\n"
    os.close(full)
    os.close(file)
