"""Several processes of one server, of which some are killed: what they ran fails, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise

import httpx
import psutil
import pytest
from serving import Server, environment, serving, wait_until
from siblings_site import client_of_each, is_ready, process_of, server_processes

pytestmark = pytest.mark.slow
TWO = ("echo=echoes:Echo", "--server-processes", "2")
PATH = "/v2/models/echo/predict"
TOTAL = re.compile(r'^modelport_requests_total\{model="echo",.*code="200"\} (\d+)$', re.MULTILINE)


class Asking:
    """Asks again and again, by one connection, until it is told to stop or fails."""

    def __init__(self, client: httpx.Client):
        self._client = client
        self.process = process_of(client.get("/v2/health/live"))
        self.answers = 0
        self.failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._client.post(PATH, json={"number": 1})
            except httpx.TransportError:
                self.failed = True
                return
            assert answer.status_code == 200
            assert process_of(answer) == self.process, "its connection is still that of its process"
            self.answers += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def everything(server: Server) -> list[psutil.Process]:
    first = psutil.Process(server.process.pid)
    return [first, *first.children(recursive=True)]


def total(server: Server) -> int:
    text = httpx.get(f"{server.url}/metrics", timeout=60.0).text
    return sum(int(number) for number in TOTAL.findall(text))


def test_a_process_that_is_killed_under_load_takes_its_own_calls_with_it_and_nothing_else() -> None:
    with serving(*TWO) as server:
        with client_of_each(server) as clients:
            asking = [Asking(client) for client in clients]
            seen = [total(server)]
            wait_until(lambda: all(one.answers > 50 for one in asking), lambda: "nobody answers")
            seen.append(total(server))
            killed = server_processes(server)[-1]
            killed.kill()
            wait_until(lambda: any(one.failed for one in asking), lambda: "nothing has failed")
            (lives,) = [one for one in asking if not one.failed]
            before = lives.answers
            server.wait_for_log(r"server process \d \(pid \d+\) has ended \(signal 9\)")
            seen.append(total(server))
            for _ in range(20):  # whoever comes now is answered
                assert httpx.post(f"{server.url}{PATH}", json={}, timeout=60.0).status_code == 200
            wait_until(lambda: lives.answers > before + 50, lambda: "the other one has stopped")
            for one in asking:
                one.stop()
            assert not lives.failed
            seen.append(total(server))
        with client_of_each(server) as clients:  # another one is there, and answers
            assert {client.post(PATH, json={}).status_code for client in clients} == {200}
            seen.append(total(server))
        assert all(earlier <= later for earlier, later in pairwise(seen)), seen
        left = everything(server)
        assert len(left) >= 5, "the first one, two processes, and a worker of each"
        assert server.stop() == 0
    assert all_gone(left)


@pytest.mark.parametrize("how", [psutil.Process.kill, psutil.Process.terminate])
def test_without_the_first_process_none_goes_on(how: Callable[[psutil.Process], None]) -> None:
    with serving(*TWO) as server:
        wait_until(lambda: is_ready(server), lambda: server.log)
        left = everything(server)
        how(left[0])
        wait_until(lambda: all_gone(left), lambda: f"{left}\n{server.log}")


def test_a_port_that_is_taken_is_said() -> None:
    with serving(*TWO) as server:
        port = server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "modelport", "serve", *TWO, "--port", port]
        other = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert other.returncode == 3
        assert "Address already in use; another program has it" in other.stderr
        assert httpx.get(f"{server.url}/v2/health/live", timeout=60.0).status_code == 200


def test_a_model_that_cannot_be_loaded_ends_all_with_its_reason() -> None:
    command = [sys.executable, "-m", "modelport", "serve", "broken_import", "--server-processes", "2"]
    found = subprocess.run(
        [*command, "--port", "0"], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 2
    assert len(re.findall("^Error: ", found.stderr, re.MULTILINE)) == 1, found.stderr
