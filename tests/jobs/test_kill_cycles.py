"""Kills of a store at random moments: the short form of what `make kills` does a thousand times."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
CYCLES = 25


def test_a_store_that_is_killed_again_and_again_loses_nothing() -> None:
    # A process of its own: it forks, and the tests have threads.
    command = [sys.executable, str(Path(__file__).with_name("kill_cycles.py"))]
    done = subprocess.run(
        [*command, f"--cycles={CYCLES}", "--seed=20261124"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"store: {CYCLES} kills in" in done.stdout
    counted = {
        what: int(number)
        for what, number in re.findall(r"(\w[\w ]*?) (\d+)(?:,|$)", done.stdout, re.MULTILINE)
    }
    assert counted["fault confirmed"] == CYCLES
    assert counted["jobs confirmed"] > CYCLES  # else hardly anything was killed in the middle
    assert counted["submit unknown"] > 0
