"""`modelport doctor`: what it sees, what it says to do, and how it ends."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from certificates import DAY, Authority, Pair
from cli_process import modelport
from ports import free_port
from serving import MODELS, Server, environment, serving

from modelport.cli.doctor.certificates import seen_of_certificates
from modelport.cli.doctor.databases import seen_of_database
from modelport.settings import Settings
from modelport.settings.reading import load_settings

LISTENS = """
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""
pytestmark = pytest.mark.slow

PACKAGES = ("deepaas", "modelport-deepaas-commands")
MODEL = f"Twice={MODELS / 'reached.py'}:Twice"


def doctor(*arguments: str, status: int, **variables: str) -> list[dict[str, str]]:
    """What it has seen."""
    done = modelport("doctor", "--json", *arguments, **variables)
    assert done.returncode == status, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["well"] is (status == 0)
    return said["seen"]


def said_of(seen: list[dict[str, str]], subject: str, level: str) -> str:
    return "\n".join(
        f"{one['said']} → {one['remedy']}"
        for one in seen
        if (one["subject"], one["level"]) == (subject, level)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(MODEL, "--data-dir", str(folder / "data")) as running:
        yield running


def test_all_is_well(tmp_path: Path) -> None:
    done = modelport("doctor", MODEL, "--port", "0", "--load", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 0, done.stdout
    assert "Twice: " in done.stdout
    assert "can be served" in done.stdout
    assert done.stdout.splitlines()[-1] == "all is well"
    assert not (tmp_path / "data").exists()


def test_a_server_may_run_meanwhile(server: Server, folder: Path) -> None:
    port = str(urlsplit(server.url).port)
    seen = doctor(MODEL, "--port", port, "--data-dir", str(folder / "data"), status=0)
    assert "a server of modelport listens there (process " in said_of(seen, "address", "note")
    assert "a second one there would have no jobs" in said_of(seen, "database", "note")
    assert "its tables are those of this version" in said_of(seen, "database", "ok")
    assert server.client.post("/v2/models/Twice/predict", json={"number": 1}).status_code == 200


def test_a_server_that_runs_is_asked(server: Server, tmp_path: Path) -> None:
    assert "it is ready, with Twice" in said_of(doctor("--url", server.url, status=0), "server", "ok")
    nobody = doctor("--url", f"unix://{tmp_path}/nobody.sock", status=1)
    assert "no server of modelport answers" in said_of(nobody, "server", "error")
    assert modelport("doctor", "--url", "here").returncode == 2


def test_who_has_the_port_is_named() -> None:
    command = [sys.executable, "-c", LISTENS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        found = said_of(doctor(MODEL, "--port", port, status=1), "address", "error")
        assert f"127.0.0.1:{port}: it is taken by process {other.pid} (" in found
        assert "--port" in found
        other.communicate("")


def test_a_stranger_at_the_metrics_port_is_not_taken_for_the_server(server: Server, folder: Path) -> None:
    command = [sys.executable, "-c", LISTENS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        taken = other.stdout.readline().strip()
        ports = ("--port", str(urlsplit(server.url).port), "--metrics-port", taken)
        seen = doctor(MODEL, *ports, "--data-dir", str(folder / "data"), status=1)
        assert f"it is taken by process {other.pid} (" in said_of(seen, "address", "error")
        assert "a server of modelport listens there" in said_of(seen, "address", "note")
        other.communicate("")


def test_the_metrics_port_beside_a_unix_socket_is_looked_at(tmp_path: Path) -> None:
    path, data = tmp_path / "s.sock", ("--data-dir", str(tmp_path / "data"))
    port = str(free_port())
    with serving(MODEL, "--uds", str(path), "--metrics-port", port, *data):
        own = doctor(MODEL, "--uds", str(path), "--metrics-port", port, *data, status=0)
        assert f"metrics 127.0.0.1:{port}: a server of modelport listens" in said_of(own, "address", "note")
        other = ("--uds", str(tmp_path / "other.sock"), "--port", "1", "--metrics-port", port)
        seen = doctor(MODEL, *other, "--data-dir", str(tmp_path / "other"), status=1)
        assert f"metrics 127.0.0.1:{port}: it is taken by process " in said_of(seen, "address", "error")
        assert "port: of no use beside uds" in said_of(seen, "address", "note")


def test_what_the_settings_say_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "service.toml"
    file.write_text(
        """
        host = "0.0.0.0"
        port = 0
        tls_clients = { "cn:lab" = "read" }
        [models.gone]
        source = "gone.py"
        """
    )
    seen = doctor(str(file), status=1, MODELPORT_DATA_DIR=str(tmp_path / "file"))
    assert "gone.py: there is no such file" in said_of(seen, "models", "error")
    access = said_of(seen, "access", "error")
    assert "tls_clients is of no use without tls_client_ca" in access
    assert "nobody has said who may ask" in access
    assert "data_dir: " in said_of(seen, "folders", "error")


def test_what_cannot_be_loaded_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "lacks.py").write_text("import cv2_is_not_here\ndef predict(**k):\n    return 1\n")
    found = said_of(doctor(str(tmp_path / "lacks.py"), "--port", "0", "--load", status=1), "models", "error")
    assert "lacks: " in found
    assert "cv2_is_not_here" in found
    assert "install" in found


def settings_of(**given: Any) -> Settings:
    return load_settings(given, environment={})


def test_a_certificate_that_ends_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def found(level: str, cert: Pair, key: Pair) -> str:
        key.key.chmod(0o600)
        seen = seen_of_certificates(settings_of(tls_cert=str(cert.cert), tls_key=str(key.key)))
        return said_of([asdict(one) for one in seen], "tls", level)

    ended, ends = authority.pair(lasts=-DAY), authority.pair(lasts=3 * DAY)
    lasts = authority.pair(lasts=90 * DAY)
    assert "ended on" in found("error", ended, ended)
    assert "holds until" in found("warning", ends, ends)
    assert found("warning", lasts, lasts) + found("error", lasts, lasts) == ""
    assert "is not the key of the certificate" in found("error", ends, lasts)


def test_a_database_that_is_not_ours_or_too_new_is_told(tmp_path: Path) -> None:
    def found(level: str) -> str:
        seen = seen_of_database(settings_of(data_dir=str(tmp_path)))
        return said_of([asdict(one) for one in seen], "database", level)

    assert "is not there yet" in found("ok")
    database = sqlite3.connect(tmp_path / "jobs.sqlite")
    database.execute("CREATE TABLE alembic_version (version_num TEXT)")
    database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.execute("CREATE TABLE jobs (id TEXT)")
    database.commit()
    assert "tables of version 9999" in found("error")
    database.execute("UPDATE alembic_version SET version_num = '0001'")
    database.commit()
    assert "the next start brings them to" in found("note")
    database.execute("DROP TABLE alembic_version")
    database.commit()
    database.close()
    assert "holds tables that modelport did not make" in found("error")
    (tmp_path / "jobs.sqlite").write_text("this is no database, and longer than a hundred bytes" * 3)
    assert "cannot be asked" in found("error")


def test_limits_that_are_too_low_are_told() -> None:
    script = 'ulimit -n 100; exec "$0" -m modelport doctor --json "$@"'
    command = ["bash", "-c", script, sys.executable, MODEL, "--port", "0"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    seen: Any = json.loads(done.stdout)["seen"]
    assert "open files: 100, and so 50 connections, not 1000" in said_of(seen, "limits", "warning")


def test_two_packages_with_the_same_programs_are_told(tmp_path: Path) -> None:
    for name in PACKAGES:
        about = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    seen = doctor(MODEL, "--port", "0", status=1, PYTHONPATH=path)
    assert "both have programs called deepaas-run" in said_of(seen, "packages", "warning")
