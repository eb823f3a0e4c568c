"""Platforms of containers: their `PORT`, their proxy beside the server, scale to zero, no disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from job_calls import Gate, predict
from serving import START_SECONDS, Server, environment

from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.platform import on_platform

IDLE = 1.5
FOREIGN = {"Host": "my-model-k2vjm6xq5a-ew.a.run.app"}
# What a container without a disk has: nothing can be written but files of an empty folder in memory.
READ_ONLY = 'mount -t tmpfs none "$TMPDIR" && mount -o remount,bind,ro / && cd / && exec "$@"'


@contextmanager
def started(*arguments: str, before: tuple[str, ...] = (), **variables: str) -> Iterator[Server]:
    """`modelport serve` as a platform starts it, which says by variables alone where it is to listen."""
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "modelport", "serve", *arguments],
        env=environment(**variables),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        server = Server(process)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    try:
        yield server
    finally:
        server.stop()


def test_the_port_of_the_platform_counts_where_nobody_has_said_another() -> None:
    found = on_platform(Settings(), {"PORT": " 8080 "})
    assert (found.host, found.port, found.written) == ("0.0.0.0", 8080, {"port": "PORT", "host": "PORT"})
    assert found.allow_hosts == []
    said = on_platform(Settings(host="127.0.0.1", written={"host": "--host"}), {"PORT": "8080"})
    assert (said.host, said.port) == ("127.0.0.1", 8080)
    for settings in (
        Settings(written={"port": "--port"}),
        Settings(uds="/run/modelport.sock"),
    ):
        assert on_platform(settings, {"PORT": "8080", "K_SERVICE": "iris"}) is settings
    for variables in ({}, {"PORT": ""}, {"K_SERVICE": "iris"}):
        assert on_platform(said, variables) is said


@pytest.mark.parametrize("mark", ["K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME"])
def test_beside_a_proxy_of_the_platform_the_server_has_any_name(mark: str) -> None:
    assert on_platform(Settings(), {"PORT": "8080", mark: "iris"}).allow_hosts == ["*"]
    own = Settings(allow_hosts=["iris.example.org"], written={"allow_hosts": "MODELPORT_ALLOW_HOSTS"})
    assert on_platform(own, {"PORT": "8080", mark: "iris"}).allow_hosts == ["iris.example.org"]


def test_what_is_no_port_is_refused_by_its_name() -> None:
    for port in ("tcp://10.0.0.1:80", "-1", "65536"):
        with pytest.raises(SettingsError, match="^PORT: "):
            on_platform(Settings(), {"PORT": port})


def test_who_may_ask_has_to_be_said_there_too() -> None:
    command = [sys.executable, "-m", "modelport", "serve", "reached:Twice"]
    refused = subprocess.run(
        command, env=environment(PORT="0"), capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    assert refused.returncode == 2
    assert "listening on 0.0.0.0, because the variable PORT is set" in refused.stderr
    assert "--auth on, MODELPORT_AUTH=on" in refused.stderr


@pytest.mark.slow
def test_a_server_behind_the_proxy_of_its_platform_answers_and_ends_when_idle() -> None:
    variables = {
        "PORT": "0",
        "K_SERVICE": "twice",
        "MODELPORT_AUTH": "off",
        "MODELPORT_IDLE_EXIT": f"{IDLE}s",
    }
    with started("Warm=warm_models:Warm", "--workers", "2", **variables) as server, Gate() as gate:
        assert server.url.startswith("http://0.0.0.0:")
        port = server.url.rpartition(":")[2]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=FOREIGN) as client:
            asked = threading.Thread(target=ask_until_it_is_loaded, args=(client, arguments(gate)))
            asked.start()
            runs = gate.arrival()
            stays_up(server)
            job = predict(client, model="Warm", **arguments(gate))
            waits = gate.arrival()
            runs.release()
            asked.join()
            stays_up(server)
            waits.release()
            assert job
            probe_until_it_ends(client)
        assert server.process.wait(START_SECONDS) == 0
        assert f"nobody has asked for {IDLE} s" in server.log


def arguments(gate: Gate) -> dict[str, object]:
    return {"do": "wait", "gate": gate.port}


def ask_until_it_is_loaded(client: httpx.Client, body: dict[str, object]) -> None:
    """Each of these requests uses the server, that which is answered 503 because it still loads, too."""
    while client.post("/v2/models/Warm/predict", json=body).status_code == 503:
        pass


def stays_up(server: Server) -> None:
    """It would have ended by now, were it idle."""
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(1.5 * IDLE)


def probe_until_it_ends(client: httpx.Client) -> None:
    """Ask how it is, and for what Prometheus reads, again and again: that is no use of it."""
    with pytest.raises(httpx.TransportError):
        while True:
            client.get("/v2/health/live")
            client.get("/v2/models/Warm/ready")
            client.get("/metrics")


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0,
    reason="it takes a mount namespace, which this user may not have",
)
def test_predictions_need_no_file_that_can_be_written(tmp_path: Path) -> None:
    variables = {
        "TMPDIR": str(tmp_path),
        "PORT": "0",
        "MODELPORT_AUTH": "off",
        "MODELPORT_DATA_DIR": "/nowhere",
        "HOME": "/nowhere",
    }
    before = ("unshare", "--mount", "sh", "-c", READ_ONLY, "sh")
    with started("Twice=reached:Twice", before=before, **variables) as server:
        server.wait_settled()
        assert server.client.post("/v2/models/Twice/predict", json={"number": 21}).json() == 42
        large = b'{"number": %s4}' % (b" " * 2_000_000)  # it comes to the worker by a file
        headers = {"Content-Type": "application/json"}
        whole = server.client.post("/v2/models/Twice/predict", content=large, headers=headers)
        assert whole.json() == 8
        ready = server.client.get("/v2/health/ready").json()
        assert ready["ready"]
        assert "/nowhere cannot be used" in ready["database"]
