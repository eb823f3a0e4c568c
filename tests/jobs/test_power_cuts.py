"""Simulated power cuts: the short form of `make kills`, and the proof that it would find a missing sync."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from power_cuts import cuts, recorded
from power_trace import Node, Trace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
CUTS = 20
SEED = 20_261_124


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    if shutil.which("strace") is None:
        pytest.skip("strace records what a power cut can spoil, and is not on this machine")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("strace may not look into processes here")
    return recorded(tmp_path_factory.mktemp("recorded"))


def files(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every file and folder there ever was, with the name that it had."""
    for change in node.changes:
        if change.node is not None:
            yield f"{path}/{change.name}", change.node
            yield from files(change.node, f"{path}/{change.name}")


def test_nothing_that_was_confirmed_is_lost(trace: Trace, tmp_path: Path) -> None:
    assert cuts(tmp_path, trace, CUTS, SEED) > CUTS


@pytest.mark.parametrize(
    ("what", "left_out"),
    [
        ("the log of the database", lambda path: path.endswith("jobs.sqlite-wal")),
        ("the name of the database", lambda path: path == ""),
        ("inputs", lambda path: path.endswith("/inputs/table")),
        ("artifacts", lambda path: path.endswith("/artifacts/.model.partial")),
        ("the names of artifacts", lambda path: path.endswith("/artifacts/plots")),
        ("results", lambda path: "/result/1/answer-" in path),
        ("folders of jobs", lambda path: path == "/jobs"),
    ],
)
def test_a_sync_that_is_left_out_is_found(
    trace: Trace, tmp_path: Path, what: str, left_out: Callable[[str], bool]
) -> None:
    spoiled = deepcopy(trace)
    nodes = [node for path, node in [("", spoiled.root), *files(spoiled.root)] if left_out(path)]
    assert any(node.synced for node in nodes), f"{what} are not synced at all"
    for node in nodes:
        node.synced.clear()
    with pytest.raises(AssertionError, match=r"^cut \d+ of seed"):
        cuts(tmp_path, spoiled, CUTS, SEED)
