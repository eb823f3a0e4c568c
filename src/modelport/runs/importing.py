"""Runs that were made elsewhere: an experiment of MLflow (`mlflow:EXPERIMENT`), or a folder of runs.

    python -P -m modelport.runs.importing TEXT MODEL

prints them as one msgpack message (`Imported`) on stdout; all else that is printed goes to stderr. The server
reads runs by this process only: so it never imports MLflow, and a store that hangs hangs nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from modelport.contract.errors import ModelLoadError
from modelport.runs.records import NewRun
from modelport.sources.mlflow.uris import SCHEME

MAX_WARNINGS = 100
log = logging.getLogger("modelport.runs")


class Imported(msgspec.Struct, kw_only=True):
    """What was read: the runs, what was left out and why, and the one error that kept all of it away."""

    runs: list[NewRun] = []
    warnings: list[str] = []
    error: str = ""


def of_model(text: str, models: list[str], default: str | None) -> tuple[str, str]:
    """The model that `[MODEL=]PLACE` is for, and the place; `models` are those that are served.

    Raises `ModelLoadError` if it is not said and there are several, or there is none of that name.
    """
    name, equals, place = text.partition("=")
    if equals and name in models:
        return name, place
    if default in models:
        return str(default), text
    if len(models) == 1:
        return models[0], text
    there = ", ".join(models) or "none"
    raise ModelLoadError(f"{text}: write MODEL={text} to say whose runs these are; MODEL is one of: {there}")


def read_runs(text: str, model: str) -> list[NewRun]:
    """The finished runs that `text` names, as runs of `model`; what is left out is logged.

    This imports MLflow where it is needed, and is not for the server's process. Raises `ModelLoadError`.
    """
    warnings: list[str] = []
    runs = _read(text, model, warnings)
    _log(warnings)
    return runs


async def import_runs(text: str, model: str, seconds: float, temp: Path) -> list[NewRun]:
    """Read runs in a process of their own, which ends with this one, and after so many seconds.

    Its temporary files are in a folder in `temp`, which whoever owns that removes after a kill.
    Raises `ModelLoadError` of one line: what `read_runs` raises, and a process that fails or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="runs-", dir=temp) as folder:
        said = await _asked(text, model, seconds, folder)
    if said.error:
        raise ModelLoadError(said.error)
    _log(said.warnings)
    return said.runs


def _read(text: str, model: str, warnings: list[str]) -> list[NewRun]:
    if text.startswith(SCHEME):
        from modelport.runs.mlflow_runs import read_experiment

        return read_experiment(text, model, warnings)
    from modelport.runs.directory_runs import read_folder

    return read_folder(text, model, warnings)


def _log(warnings: list[str]) -> None:
    for warning in warnings[:MAX_WARNINGS]:
        log.warning("%s", warning)
    if len(warnings) > MAX_WARNINGS:
        log.warning("… and %d more", len(warnings) - MAX_WARNINGS)


async def _asked(text: str, model: str, seconds: float, folder: str) -> Imported:
    from modelport.engine.starting import command, plain_options

    process = await asyncio.create_subprocess_exec(
        *command("modelport.runs.importing", "--parent", str(os.getpid()), "--", text, model),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **plain_options({"TMPDIR": folder}),
    )
    try:
        async with asyncio.timeout(seconds):
            printed, errors = await process.communicate()
    except TimeoutError:
        raise ModelLoadError(f"{text}: its runs were not read within {seconds:g} s") from None
    finally:
        await _end(process)
    try:
        return msgspec.msgpack.decode(printed, type=Imported)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1][:300] if lines else f"exit status {process.returncode}"
        raise ModelLoadError(f"{text}: the process that reads its runs has failed: {reason}") from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process with all that it started; nothing happens if it has ended."""
    from modelport.engine.processes import kill_group

    if process.returncode is None:
        kill_group(process.pid)
        with contextlib.suppress(ProcessLookupError):
            await process.wait()


def main(arguments: list[str]) -> int:
    """The process: read, print, end. Returns 0; what went wrong is in the message."""
    if arguments[:1] == ["--parent"]:
        from modelport.worker.main import die_with

        die_with(int(arguments[1]))
        arguments = arguments[3:]
    if len(arguments) != 2:
        print("usage: python -m modelport.runs.importing TEXT MODEL", file=sys.stderr)
        return 2
    answers = os.dup(1)
    os.dup2(2, 1)  # what MLflow and its drivers print must not get between
    said = Imported()
    try:
        said.runs = _read(arguments[0], arguments[1], said.warnings)
    except ModelLoadError as error:
        said = Imported(error=str(error))
    with os.fdopen(answers, "wb") as stdout:
        stdout.write(msgspec.msgpack.encode(said))
    return 0


if __name__ == "__main__":
    from modelport.worker.world import be_plain_program

    sys.exit(main(be_plain_program()))
