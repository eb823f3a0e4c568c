"""What failed in company may pass alone, twice, and is named; nothing else makes a lane pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_lane import main

LANE = """
import pathlib
import pytest

def nth(name):
    runs = pathlib.Path(name)
    runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
    return len(runs.read_text())

def test_good(): nth("good")
"""
ONCE = "def test_once(): assert nth('once') > 1\n"
ONCE_MORE = "@pytest.mark.parametrize('n', ['a b'])\ndef test_more(n): assert nth('more') > 1, 'said'\n"
ALWAYS = "def test_always(): assert nth('always') > 9\n"
SECOND = "def test_second(): assert nth('second') == 2\n"
FOUR = "@pytest.mark.parametrize('n', range(4))\ndef test_four(n): assert nth(f'four-{n}') > 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "status", "runs", "words"),
    [
        (
            ONCE + ONCE_MORE,
            0,
            {"good": 1, "once": 3, "more": 3},
            "failed in company, passed twice alone: test_lane.py::test_more[a b], test_lane.py::test_once\n",
        ),
        (ONCE + ALWAYS, 1, {"good": 1, "once": 2, "always": 2}, "failed in company and alone: "),
        (SECOND, 1, {"good": 1, "second": 3}, "failed in company and alone: "),
        (FOUR, 1, {"good": 1, "four-0": 1, "four-3": 1}, "4 failed"),
        (ONCE + "raise ValueError('no tests')", 2, {}, "no tests"),
    ],
    ids=["once", "always", "not the last time", "four", "none to be found"],
)
def test_a_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    tests: str, status: int, runs: dict[str, int], words: str,
) -> None:  # fmt: skip
    (tmp_path / "test_lane.py").write_text(LANE + tests)
    processes = 1 if status == 0 else 0
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -q -p xdist -n {processes}\n")
    monkeypatch.setenv(
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"
    )  # which would be most of the time that this takes
    monkeypatch.chdir(tmp_path)
    assert main(["-m", "not slow", "."]) == status
    said = capfd.readouterr().out
    assert words in said
    assert {name: len((tmp_path / name).read_text()) for name in runs} == runs
    is_shown = "'said'" in said or "AssertionError: said" in said
    assert is_shown == ("test_more" in tests), "the first run shows what failed"
    assert ("passed twice alone" in said) == (status == 0)
