"""Which tests share a worker process of pytest-xdist, which come in the second lane, and which begin."""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
# Fixtures of a session that take seconds of processor time to set up, as tests of a folder take them: the
# files that use one share a process, so that it is set up once.
SHARED = {
    "api": ("site: Server", "predict: Predict"),
    "arrays": ("site: Server", "predict: Predict"),
    "client": ("client: Any", "hand_client: Any", "server: Server", "hands: Server"),
}
# Kills, cuts of power and of networks, faults of the machine, what clients may cost in memory; models that
# are loaded anew, ask each other or hang in threads, and batch jobs, each of which starts processes; the fuzz
# of the documents; pages of the docs; the frameworks and MLflow; a proxy.
SECOND = re.compile(
    r"tests/((browser|docs|faults|frameworks|batches)/"
    r"|(sources|runs)/test_mlflow\w*\.py|api/test_(memory_of_\w+|upload_memory)\.py"
    r"|examples/test_(digits_training|generator)\.py|worker/test_(threads|asking_models)\.py"
    r"|engine/test_(idle|memory_limit|model_asks)\.py|cli/test_cli_predict_tables\.py"
    r"|client/test_client_batches\.py|api/test_document_fuzz\.py|reach/test_nginx\.py"
    r"|(jobs|runs|storage)/test_(\w*kills|kill_cycles|\w+_cuts|histories|chaos|black_hole|frozen|two_servers"
    r"|live_restarts|reloads|model_repository)\.py)"
)
EACH = "tests/docs/"  # of which a process may get one test of a file, since each follows a page of its own
SLOW = 30  # how many quick tests a slow one is as long as, about
PAGE = 300  # and a page of the docs


class Scheduling(LoadScopeScheduling):
    """Gives a process all tests of a unit, as `--dist loadgroup` did until pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(test: str) -> str:
    """What a test is never parted from: its file, or the files that use the same costly fixture."""
    file = test.split("::", 1)[0]
    folder = file.split("/")[1]
    if file.startswith(EACH):
        return test
    return f"the files of {folder}" if folder in SHARED and uses(file, folder) else file


@cache
def uses(file: str, folder: str) -> bool:
    """Whether a test of the file takes a costly fixture of its folder, and not one of the file's own."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return any(taken in text and f"def {taken.split(':')[0]}(" not in text for taken in SHARED[folder])


def is_of_other_lane(path: Path, expression: str) -> bool:
    """Whether no test of the file is asked for by `-m`: to import it would cost time for nothing."""
    is_second = SECOND.match(path.relative_to(ROOT).as_posix()) is not None
    return {"second_lane": not is_second, "not second_lane": is_second}.get(expression, False)


def arrange(items: list[pytest.Item]) -> None:
    """Mark the tests of the second lane, and put those that are marked slow last.

    Where several processes share the work, the largest units begin: none waits long for another's end.
    """
    for item in items:
        if SECOND.match(item.nodeid):
            item.add_marker(pytest.mark.second_lane)
    items.sort(key=is_slow)
    if "PYTEST_XDIST_WORKER" in os.environ:
        sizes: Counter[str] = Counter()
        for item in items:
            sizes[unit(item.nodeid)] += length(item)
        items.sort(key=lambda item: -sizes[unit(item.nodeid)])


def length(item: pytest.Item) -> int:
    """About how long a test takes, in quick tests."""
    if not is_slow(item):
        return 1
    return PAGE if item.nodeid.startswith(EACH) else SLOW


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None
