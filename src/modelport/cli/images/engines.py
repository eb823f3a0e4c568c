"""The engines that build images: which one answers here, and how it is told to build."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

# What only an engine that works answers. buildah has no service: it is there or not.
ASKED = {
    "docker": ["version", "--format", "{{.Server.Version}}"],
    "podman": ["info", "--format", "{{.Version.Version}}"],
    "buildah": ["version"],
}
ASK_SECONDS = 20


def engine(chosen: str | None) -> str:
    """The engine that is chosen, or the first that answers. Raises `ClickException` where none does."""
    silent: list[str] = []
    for name in [chosen] if chosen else ASKED:
        reason = _silence(name)
        if not reason:
            return name
        silent.append(f"{name}: {reason}")
    raise click.ClickException(
        f"no engine that builds images answers ({'; '.join(silent)}): start one, or write what it builds "
        "from with --only-context FOLDER, and build that where one is"
    )


def _silence(name: str) -> str:
    """Why an engine does not answer; empty if it does."""
    if shutil.which(name) is None:
        return "not installed"
    try:
        return why_failed([name, *ASKED[name]], ASK_SECONDS, "it")
    except subprocess.TimeoutExpired:
        return f"no answer in {ASK_SECONDS} s"
    except OSError as error:
        return str(error.strerror)


def why_failed(command: Sequence[str], seconds: float, who: str) -> str:
    """Run a program that asks nothing; its last words if it failed, else nothing; without any, `who` has.

    Raises `OSError`, and `TimeoutExpired` after so many seconds.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"{who} ended with {done.returncode}"


def build_command(name: str, folder: Path | str, tag: str | None, arguments: Sequence[str]) -> list[str]:
    """How this engine is told to build a folder; `arguments` are those of the build, `NAME=VALUE`."""
    command = [name, "build", *(f"--build-arg={one}" for one in arguments), *(["-t", tag] if tag else [])]
    return [*command, str(folder)]
