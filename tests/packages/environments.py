"""Environments with old packages, really installed beside this modelport: `.venv-packages/NAME`.

An environment is made anew when what it asks for has changed; else only modelport is installed into it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from serving import ROOT

FOLDER = ROOT / ".venv-packages"
SECONDS = 600
# webargs 5 imports distutils, which Python 3.12 took out and setuptools brings back.
DISTUTILS = ["setuptools<81"] if sys.version_info >= (3, 12) else []


COMMANDS = "deepaas-commands"  # the extra with the programs of DEEPaaS, which is a package of its own


@dataclass(frozen=True)
class Environment:
    """A set of packages, in the words that a user gives to `pip install`; `versions` must come of it."""

    name: str
    packages: list[str]
    versions: dict[str, str]
    extras: str = "sklearn,image"


ENVIRONMENTS = [
    Environment(
        "oldest",
        ["webargs==5.5.3", "apispec==3.3.2", "marshmallow==3.13.0", *DISTUTILS],
        {"webargs": "5.5.3", "apispec": "3.3.2", "marshmallow": "3.13.0"},
        f"sklearn,image,{COMMANDS}",
    ),
    Environment("deepaas", ["deepaas==2.6.0", *DISTUTILS], {"deepaas": "2.6.0", "webargs": "5.5.3"}),
    Environment("mlup", ["pymlup[scikit-learn]==0.4.0"], {"pymlup": "0.4.0"}),
]


class NoRegistry(Exception):
    """Nothing can be installed here: pip reaches no registry."""


@contextlib.contextmanager
def needs_registry() -> Iterator[None]:
    """Skip the test, saying why, where nothing can be installed; in CI that is an error."""
    try:
        yield
    except NoRegistry as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NOT TESTED, since {error}")


def python_of(environment: Environment) -> Path:
    """The environment's Python, with everything installed. Raises `NoRegistry` and `AssertionError`."""
    folder = FOLDER / environment.name
    python = folder / "bin" / "python"
    asked = [
        *environment.packages,
        environment.extras,
        _asked("pyproject.toml"),
        _asked("examples/digits/pyproject.toml"),
    ]
    stamp = folder / "asked"
    ours = _wheels()
    commands = ours.pop("modelport_deepaas_commands")
    own = [commands] if COMMANDS in environment.extras else []
    if stamp.exists() and stamp.read_text() == repr(asked):
        _pip(python, "install", "--no-deps", "--force-reinstall", *ours.values(), *own)
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    # In one command, as a user would: what cannot go together is an error.
    extras = f"{ours['modelport']}[{environment.extras}]"
    # What of it is imported is compiled then: a small part.
    _pip(python, "install", "--no-compile", extras, ours["digits_model"], *own, *environment.packages)
    stamp.write_text(repr(asked))
    return python


def installed_from(name: str, pins: Path) -> Path:
    """The Python of an environment with what a file pins, and no modelport. Raises as `python_of` does."""
    folder = FOLDER / name
    python = folder / "bin" / "python"
    asked = pins.read_text(encoding="utf-8")
    stamp = folder / "asked"
    if not (stamp.exists() and stamp.read_text() == asked):
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
        _pip(python, "install", "--no-compile", "-r", str(pins))
        stamp.write_text(asked)
    return python


def _asked(path: str) -> str:
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()


def _wheels() -> dict[str, str]:
    """modelport and the example, built once for all processes of these tests by what is installed here.

    Nothing is fetched for it.
    """
    folder = FOLDER / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "built for"
    tests = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process {os.getpid()}")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == tests):
            stamp.unlink(missing_ok=True)
            for path in folder.glob("*.whl"):
                path.unlink()
            sources = (ROOT, ROOT / "examples" / "digits", ROOT / "packages" / COMMANDS)
            _run(
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "--no-deps",
                "--no-build-isolation",
                "-w",
                folder,
                *sources,
            )
            stamp.write_text(tests)
    return {path.name.partition("-")[0]: str(path) for path in folder.glob("*.whl")}


def _pip(python: Path, *arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    done = _tried(*pip, *arguments)
    if done.returncode and not _reaches_registry():
        raise NoRegistry(f"pip reaches no registry: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr


def _reaches_registry() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        probe = ["download", "--no-deps", "--no-cache-dir", "--dest", folder, "webargs==5.5.3"]
        return _tried(sys.executable, "-m", "pip", *probe).returncode == 0


def _run(*command: str | Path) -> None:
    done = _tried(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def _tried(*command: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=kept)
