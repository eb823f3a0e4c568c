"""The short form of `make soak`: some kills of each kind, and the rules hold of what was seen."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SOAK = Path(__file__).with_name("soak.py")


def test_kills_of_each_kind_break_no_rule_and_leave_nothing(tmp_path: Path) -> None:
    """In a process of its own, as `make soak` runs it. Kills of nodes are among the tests of Ray."""
    options = ("--seed=20261130", "--seconds=6", "--every=1.5", "--nodes=0", f"--folder={tmp_path}")
    command = [sys.executable, str(SOAK), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all rules hold\n")
    kills = re.findall(r"(?:server|worker|job|database) killed (\d+)", done.stdout)
    assert sum(map(int, kills)) == 4, done.stdout
    assert re.search(r"calls answered \d", done.stdout), done.stdout
    assert list(tmp_path.iterdir()) == []
    assert [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(p.info["cmdline"])] == []
