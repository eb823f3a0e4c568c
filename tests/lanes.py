"""Which tests share a worker process of pytest-xdist, in which lane they come, and which begin."""

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
LANES = {
    # Kills, cuts of power and of networks, faults of the machine, what clients may cost in memory;
    # models that are loaded anew, ask each other or hang in threads, streams, and batch jobs, each of which
    # starts processes; the fuzz of the documents; a real nginx; an
    # image whose whole environment is installed.
    "second_lane": re.compile(
        r"tests/((faults|batches|streams)/"
        r"|api/test_(memory_of_\w+|upload_memory)\.py|worker/test_(threads|asking_models)\.py"
        r"|engine/test_(idle|memory_limit|model_asks|ray\w*)\.py|cli/test_cli_predict_tables\.py"
        r"|client/test_client_batches\.py|api/test_document_fuzz\.py|reach/test_nginx\.py"
        r"|dialects/test_grpc_faults\.py|deploy/test_images\.py"
        r"|(jobs|runs|storage)/test_(\w*kills|kill_cycles|\w+_cuts|histories|chaos|black_hole|frozen|two_servers"
        r"|late_databases|live_restarts|server_processes|database_away|rolling_upgrade|own_disks|reloads|model_repository)\.py)"
    ),
    # Pages of the docs, the frameworks and MLflow, the costliest examples, browsers, and a short soak.
    "third_lane": re.compile(
        r"tests/((browser|docs|frameworks|soak)/|(sources|runs)/test_mlflow\w*\.py"
        r"|examples/test_(digits_training|generator)\.py)"
    ),
}
# Of whose tests a process may get those of one environment, which it installs: the first word in brackets.
INSTALLING = re.compile(r"(tests/packages/test_packages\.py)::\w+\[(\w+)")
EACH = "tests/docs/"  # of which a process may get one test of a file, since each follows a page of its own
SLOW = 30  # how many quick tests a slow one is as long as, about
PAGE = 300  # and a page of the docs
STARTED = 15  # and a command or a server that starts
SERVER = re.compile(r"\b(serving|Popen)\(")
COMMANDS = re.compile(r"^from (cli\.)?cli_process import|subprocess\.run\(", re.MULTILINE)


class Scheduling(LoadScopeScheduling):
    """Gives a process all tests of a unit, as `--dist loadgroup` did until pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(test: str) -> str:
    """What a test is never parted from: its file, environment, or files of one costly fixture."""
    if installed := INSTALLING.match(test):
        return " ".join(installed.groups())
    file = test.split("::", 1)[0]
    folder = file.split("/")[1]
    if file.startswith(EACH):
        return test
    return f"the files of {folder}" if folder in SHARED and uses(file, folder) else file


@cache
def uses(file: str, folder: str) -> bool:
    """Whether a test of the file takes a costly fixture of its folder, and not one of the file's own."""
    text = text_of(file)
    return any(taken in text and f"def {taken.split(':')[0]}(" not in text for taken in SHARED[folder])


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def lane(file: str) -> str:
    """The marker of the tests of a file; that of the first lane is empty, since nothing marks it."""
    return next((name for name, files in LANES.items() if files.match(file)), "")


def is_of_other_lane(path: Path, expression: str) -> bool:
    """Whether no test of the file or folder is asked for by `-m`: to import it would be for nothing."""
    asked = {"not second_lane and not third_lane": "", **{name: name for name in LANES}}
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():  # most have files of several lanes
        whole = lane(f"{name}/")
        return expression in asked and whole not in ("", asked[expression])
    return expression in asked and lane(name) != asked[expression]


def arrange(items: list[pytest.Item]) -> None:
    """Mark the tests of the second and third lane, and put those that are marked slow last.

    Where several processes share the work, the largest units begin: none waits long for another's end.
    """
    for item in items:
        if marker := lane(item.nodeid):
            item.add_marker(marker)
    items.sort(key=is_slow)
    if "PYTEST_XDIST_WORKER" in os.environ:
        sizes: Counter[str] = Counter()
        for item in items:
            sizes[unit(item.nodeid)] += length(item)
        for file in {item.nodeid.split("::", 1)[0] for item in items}:
            sizes[unit(file)] += STARTED * len(SERVER.findall(text_of(file)))
        items.sort(key=lambda item: -sizes[unit(item.nodeid)])


def length(item: pytest.Item) -> int:
    """About how long a test takes, in quick tests, without the servers of its file."""
    if not is_slow(item):
        return STARTED if COMMANDS.search(text_of(item.nodeid.split("::", 1)[0])) else 1
    return PAGE if item.nodeid.startswith(EACH) else SLOW


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None
