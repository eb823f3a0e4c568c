"""What TLS costs: small predictions over it and without, and the same of a peer, in one run."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = str(servers.MODELS / "small_typed.py")
ROUNDS = 3


class Cost(NamedTuple):
    """Answers a second, and the microseconds of processor time that the server had for each."""

    per_second: float
    microseconds: float


def predictions(seconds: float) -> list[Row]:
    """Small predictions on open connections, with a worker behind; and a bare application on uvicorn."""
    ours = servers.request("/v2/models/small_typed/predict", BODY)
    theirs = servers.request("/", BODY)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = _pair(Path(folder))
        with servers.modelport(SMALL) as (port, _):
            plain = _cost(port, ours, seconds)
        options = ("--tls-cert", str(cert), "--tls-key", str(key))
        with servers.modelport(SMALL, *options, authority=cert) as (port, _):
            secure = _cost(port, ours, seconds, cert)
        with servers.asgi("bare_asgi:app") as port:
            their_plain = _cost(port, theirs, seconds)
        options = ("--ssl-certfile", str(cert), "--ssl-keyfile", str(key))
        with servers.asgi("bare_asgi:app", *options, authority=cert) as port:
            their_secure = _cost(port, theirs, seconds, cert)
    more = secure.microseconds - plain.microseconds
    their_more = their_secure.microseconds - their_plain.microseconds
    found = (
        f"{secure.per_second:,.0f}/s, of {plain.per_second:,.0f}/s without; {more:.1f} µs of the server's "
        f"processor more for each, on {plain.microseconds:.0f}; uvicorn {their_more:.1f} µs"
    )
    wanted = "<= 1.25 of uvicorn's"
    return [Row("small predictions over TLS", found, wanted, more <= 1.25 * their_more)]


def _cost(port: int, request: bytes, seconds: float, authority: Path | None = None) -> Cost:
    server = psutil.Process(
        next(one.pid for one in psutil.net_connections() if one.status == "LISTEN" and one.laddr.port == port)
    )
    found: list[Cost] = []
    for _ in range(ROUNDS):
        before = sum(server.cpu_times()[:2])
        rate = servers.load(port, request, CONNECTIONS, seconds / ROUNDS, authority)
        used = sum(server.cpu_times()[:2]) - before
        found.append(Cost(rate, used / (rate * seconds / ROUNDS) * 1e6))
    return Cost(*(statistics.median(part) for part in zip(*found, strict=True)))


def _pair(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", *curve, "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key
