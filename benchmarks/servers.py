"""Servers to measure, each in a process of its own on the first core; the load comes from the second."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

MODELS = Path(__file__).parent / "models"
ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = {CORES[0]}
CLIENT_CORE = {CORES[-1]}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    ready_path: str,
    environment: dict[str, str],
    *,
    pinned: bool = True,
    authority: Path | None = None,
) -> Iterator[int]:
    """Run a server, pinned to the first core or not; yields its process id once `ready_path` answers 200.

    It speaks TLS if `authority`, a file, is that of its certificate.
    """
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE if pinned else set(CORES)),
    )
    try:
        scheme = "http" if authority is None else "https"
        wait_for(f"{scheme}://127.0.0.1:{port}{ready_path}", process, authority=authority)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def beside(command: list[str]) -> Iterator[None]:
    """Run what belongs to the load, on the second core."""
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=lambda: os.sched_setaffinity(0, CLIENT_CORE))
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def wait_for(
    url: str, process: subprocess.Popen[bytes], seconds: float = 60.0, authority: Path | None = None
) -> None:
    """Wait until `url` answers 200. Raises `RuntimeError` if the server ends or does not come up."""
    deadline = time.monotonic() + seconds
    context = None if authority is None else ssl.create_default_context(cafile=authority)
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}: {process.args}")
        try:
            with urllib.request.urlopen(url, timeout=5, context=context) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError:
            if url.endswith("/"):  # it answers, whatever it answers
                return
            time.sleep(0.02)
        except OSError:
            time.sleep(0.02)  # a server that is not there yet gives no event to wait for
    raise RuntimeError(f"{url} did not answer 200 in {seconds:g} s")


@contextlib.contextmanager
def modelport(
    *arguments: str,
    ready: str = "/v2/health/ready",
    data_dir: str | None = None,
    pinned: bool = True,
    authority: Path | None = None,
) -> Iterator[tuple[int, int]]:
    """Our server; yields its port and process id. Its jobs lie in `data_dir`, or in a folder of its own."""
    port = free_port()
    command = [sys.executable, "-m", "modelport", "serve", "--port", str(port), *arguments]
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        variables = {"PYTHONPATH": str(ROOT / "src"), "MODELPORT_DATA_DIR": data_dir or folder}
        with running(command, port, ready, variables, pinned=pinned, authority=authority) as pid:
            yield port, pid


@contextlib.contextmanager
def asgi(application: str, *arguments: str, authority: Path | None = None) -> Iterator[int]:
    """An ASGI application of `benchmarks/models` on uvicorn; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--loop", "uvloop"]
    command += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command += arguments
    with running(command, port, "/", {"PYTHONPATH": str(MODELS)}, authority=authority):
        yield port


def find_deepaas() -> str | None:
    """The `deepaas-run` of an installed DEEPaaS, if there is one on the PATH or in DEEPAAS_BIN."""
    return shutil.which("deepaas-run", path=os.environ.get("DEEPAAS_BIN")) or shutil.which("deepaas-run")


@contextlib.contextmanager
def deepaas(folder: Path) -> Iterator[int]:
    """DEEPaaS with the small webargs model; yields its port. `folder` gets an entry point of ours."""
    found = find_deepaas()
    assert found is not None
    info = folder / "bench_small-1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-small\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[deepaas.v2.model]\nsmall_webargs = small_webargs\n")
    text = (MODELS / "small_webargs.py").read_text().replace("load_default=", "missing=")
    (folder / "small_webargs.py").write_text(text)
    port = free_port()
    command = [found, "--listen-port", str(port), "--nodoc-endpoint"]
    environment = {"PYTHONPATH": str(folder), "DEEPAAS_V2_MODEL": "small_webargs"}
    with running(command, port, "/v2/models/", environment):
        yield port


def request(path: str, body: object, fields: str = "") -> bytes:
    """A raw JSON request; `fields` are more lines of its head, each with its line end."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n{fields}\r\n"
    )
    return head.encode() + data


def load(port: int, raw: bytes, connections: int, seconds: float, authority: Path | None = None) -> float:
    """Answers a second to this request, from the second core. Raises `RuntimeError` if any was not 200."""
    tls = [] if authority is None else [str(authority)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port), str(connections), str(seconds), *tls],
        input=raw,
        capture_output=True,
        check=True,
        cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, CLIENT_CORE),
    )
    found = json.loads(done.stdout)
    if found["errors"]:
        raise RuntimeError(f"answers other than 200: {found['errors']}")
    return found["per_second"]
