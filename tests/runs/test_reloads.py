"""Models that are loaded anew when their files change, over HTTP."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import psutil
import pytest
from gates import Gate, Held
from serving import Server, serving, wait_until

import modelport
from modelport.runs import reloads

pytestmark = pytest.mark.slow

MODEL = """
import modelport
from parts.number import NUMBER
{more}

class Model(modelport.Model):
    def predict(self, x: int = 0) -> int:
        return {value}
"""

STARTS_ONE = """
import atexit, socket, subprocess

def gate(said):
    sock = socket.create_connection(("127.0.0.1", {port}))
    sock.sendall(said)
    return sock

with gate(b"started\\n") as held:
    subprocess.Popen(["sleep", "60"], pass_fds=[held.fileno()])
atexit.register(lambda: gate(b"ending\\n").recv(1))
"""


class Edited:
    """A model in a folder, whose files a test writes."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.source = folder / "edited.py"
        (folder / "parts").mkdir()
        (folder / "parts" / "__init__.py").touch()

    def write(self, value: str, more: str = "") -> None:
        self.source.write_text(MODEL.format(value=value, more=more))

    def number(self, text: str) -> None:
        (self.folder / "parts" / "number.py").write_text(f"NUMBER = {text}\n")


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    made = Edited(tmp_path)
    made.number("1")
    made.write("NUMBER")
    return made


@pytest.fixture
def server(edited: Edited) -> Iterator[Server]:
    with serving(f"m={edited.source}", "--reload") as running:
        yield running


def answer(server: Server) -> int:
    return int(server.client.post("/v2/models/m/predict", json={}).raise_for_status().json())


def state(server: Server) -> dict[str, object]:
    return server.client.get("/v2/health/ready").json()["models"]["m"]


def wait_for_answer(server: Server, value: int) -> None:
    wait_until(lambda: answer(server) == value, lambda: server.log)


def workers(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def test_what_is_changed_answers_and_no_call_fails_meanwhile(server: Server, edited: Edited) -> None:
    assert answer(server) == 1
    ended = Event()

    def ask() -> set[int]:
        found: set[int] = set()
        is_last = False
        while not is_last:  # once more after the end, which may have come before it was heard here
            is_last = ended.is_set()
            found.add(answer(server))
        return found

    with ThreadPoolExecutor() as threads:
        asking = threads.submit(ask)
        try:
            edited.write("NUMBER + 1")
            wait_for_answer(server, 2)
            edited.number("10")  # of the same length as before, or not: what was compiled does not count
            wait_for_answer(server, 11)
            edited.number("20")
            wait_for_answer(server, 21)
        finally:
            ended.set()
        assert asking.result() == {1, 2, 11, 21}
    wait_until(lambda: len(workers(server)) == 1, lambda: server.log)
    server.wait_for_log(re.escape("edited.py has changed, and it is loaded anew"))


def test_what_cannot_be_loaded_leaves_the_one_before_and_is_shown(server: Server, edited: Edited) -> None:
    edited.number("1 +")
    server.wait_for_log("what has changed cannot be loaded; what was there answers on")
    assert answer(server) == 1
    server.wait_for_log(re.escape("SyntaxError"))
    assert "SyntaxError" in str(state(server)["reload_error"])
    assert state(server)["state"] == "ready"
    edited.number("3")
    wait_for_answer(server, 3)
    assert "reload_error" not in state(server)


def test_a_model_that_has_failed_is_tried_again_when_its_file_changes(edited: Edited) -> None:
    edited.number("1 +")
    with serving(f"m={edited.source}", "--reload") as server:
        assert state(server)["state"] == "failed"
        edited.number("none")
        wait_until(lambda: "NameError" in str(state(server)["error"]), lambda: server.log)
        edited.number("4")
        wait_until(lambda: state(server)["state"] == "ready", lambda: server.log)
        assert answer(server) == 4


def test_a_process_that_is_killed_while_it_loads_what_has_changed_leaves_the_one_before(
    server: Server, edited: Edited
) -> None:
    [before] = workers(server)
    with Gate(Held, 20.0) as gate:
        wait = f"import socket; s = socket.create_connection(('127.0.0.1', {gate.port}))"
        edited.write("7", f"{wait}; s.sendall(b'x\\n'); s.recv(1)")
        gate.arrival()
        [fresh] = [one for one in workers(server) if one.pid != before.pid]
        fresh.send_signal(signal.SIGKILL)
        server.wait_for_log("what has changed cannot be loaded")
        assert answer(server) == 1
        edited.write("8", f"{wait}; s.sendall(b'x\\n'); s.recv(1)")
        gate.arrival()
        edited.write("9")  # while that loads
        wait_for_answer(server, 9)


def test_a_server_that_ends_while_a_replaced_process_does_leaves_nothing_running(edited: Edited) -> None:
    with Gate(Held, 20.0) as gate:
        edited.write("1", STARTS_ONE.format(port=gate.port))
        with serving(f"m={edited.source}", "--reload"):
            started = gate.arrival()
            edited.write("2")
            assert gate.arrival().text == "ending"  # the process whose successor answers
        started.wait_end()


def test_a_name_that_no_file_can_have_keeps_nothing_from_being_reloaded(
    edited: Edited, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.py"
    named = "import sys, types; sys.modules['no'] = no = types.ModuleType('no'); no.__file__ = '/\\0.py'"
    odd.write_text(MODEL.format(value="1", more=named))
    with serving(f"m={edited.source}", f"odd={odd}", "--reload") as server:
        edited.write("2")
        wait_for_answer(server, 2)
        odd.write_text(MODEL.format(value="3", more=named))
        ask = "/v2/models/odd/predict"
        wait_until(lambda: server.client.post(ask, json={}).json() == 3, lambda: server.log)


def test_a_bug_in_watching_is_logged_and_the_files_are_watched_on(
    edited: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fails, looked = Event(), Event()

    def mistaken(files: Iterable[str]) -> Mapping[str, reloads.State]:
        if not fails.is_set():
            looked.set()
            return states_of(files)
        fails.clear()
        raise KeyError("mistake")

    states_of = reloads.states_of
    monkeypatch.setattr(reloads, "states_of", mistaken)
    with modelport.running({"m": edited.source}, reload=True, data_dir=str(tmp_path / "data")) as url:
        assert looked.wait(30)  # it knows now what the files were
        fails.set()
        wait_until(lambda: "it starts again" in caplog.text, lambda: caplog.text)
        assert "KeyError: 'mistake'" in caplog.text
        edited.write("5")
        ask = f"{url}/v2/models/m/predict"
        wait_until(lambda: httpx.post(ask, json={}, timeout=60.0).json() == 5, lambda: caplog.text)


def test_an_idle_model_is_loaded_from_what_its_files_are_then(edited: Edited) -> None:
    with serving(f"m={edited.source}", "--reload", "--idle-unload", "0.3s") as server:
        wait_until(lambda: state(server)["state"] == "idle", lambda: server.log)
        edited.write("5")
        wait_for_answer(server, 5)


def test_a_thread_of_the_server_is_not_reloaded_and_that_is_said(edited: Edited) -> None:
    with serving(f"m={edited.source}", "--reload", "--workers", "0") as server:
        server.wait_for_log("m: it is not reloaded: that needs a worker process")


def test_python_and_what_is_installed_are_not_watched(tmp_path: Path) -> None:
    from modelport.sources.source import Source, parse_source
    from modelport.worker.own_files import own_files

    (tmp_path / "one.py").write_text("import json, pytest\n")
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "weights.bin").touch()
    source = parse_source(f"m={tmp_path / 'one.py'}:Model")
    files = own_files(source)
    assert files[0] == str(tmp_path / "one.py")
    assert __file__ in files
    foreign = (sys.modules["json"].__file__, pytest.__file__, sys.modules["modelport"].__file__)
    assert not set(foreign) & set(files)
    assert str(saved / "weights.bin") in own_files(Source("m", "model", str(saved)))
