"""What a Dockerfile of ours does, done without an engine: in a fresh root, which only has this machine's own
programs and Python in it, in namespaces of its own.

It knows the instructions that ours have, in the forms that ours have, and refuses all others.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# What programs need to run: libraries and programs, and the Python of the tests, which may lie anywhere.
OF_MACHINE = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ssl", sys.base_prefix)
DEVICES = ("null", "zero", "random", "urandom", "shm")
WITH_VALUES = re.compile(r'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S+)')
SHELLS = ("/usr/bin/dash", "/usr/bin/bash")
SECONDS = 600


@dataclass
class Stage:
    """A root folder, and what the instructions so far have said of it."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict[str, str])
    folder: str = "/"
    user: str = "0:0"
    labels: dict[str, str] = field(default_factory=dict[str, str])
    entrypoint: list[str] = field(default_factory=list[str])
    health: list[str] = field(default_factory=list[str])
    stops_by: str = "SIGTERM"
    ports: list[int] = field(default_factory=list[int])


def check_possible() -> None:
    """Skip the test where no root can be made."""
    if os.getuid() != 0:
        pytest.skip("only root can make a root of its own for a process")
    asked = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, text=True
    )
    if asked.returncode:
        pytest.skip(f"namespaces are not allowed here: {asked.stderr.strip()}")


def built(context: Path, roots: Path, packages: Path) -> Stage:
    """Follow the Dockerfile of a context; returns its last stage.

    pip takes the wheels in `packages`, and asks nobody.
    """
    given = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/tmp/packages", "PIP_NO_COMPILE": "1"}
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, text in instructions(context / "Dockerfile"):
        if instruction == "FROM":
            image, _, name = text.partition(" AS ")
            assert re.fullmatch(r"[\w./-]+:[\w.-]+", image), f"an image without a tag: {image}"
            stage = fresh(roots / str(len(stages)))
            if not stages:
                shutil.copytree(packages, stage.root / "tmp" / "packages", copy_function=os.link)
            stages[name or str(len(stages))] = stage
        else:
            assert stage is not None
            follow(stage, instruction, text, context, stages, given)
    assert stage is not None
    return stage


def instructions(file: Path) -> list[tuple[str, str]]:
    """Each instruction with its text, lines joined."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in whole]


def fresh(root: Path) -> Stage:
    """An empty root with the places where the machine's programs and devices appear."""
    for place in [*OF_MACHINE, "/proc", "/tmp", "/etc"]:
        there = root / place.lstrip("/")
        if Path(place).is_symlink():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(Path(place).readlink())
        elif Path(place).is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.touch()
        elif Path(place).exists():
            there.mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "dev").mkdir()
    for device in DEVICES:
        if Path("/dev", device).is_dir():
            (root / "dev" / device).mkdir()
        else:
            (root / "dev" / device).touch()
    return Stage(root, {"PATH": f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin"})


def follow(
    stage: Stage, instruction: str, text: str, context: Path, stages: dict[str, Stage], given: dict[str, str]
) -> None:
    """Do what one instruction says."""
    match instruction:
        case "ARG":
            assert re.fullmatch(r"\w+", text)  # without a default: what is not given is not set
        case "ENV":
            for name, value in values(text).items():
                stage.variables[name] = value.replace("$PATH", stage.variables["PATH"])
        case "LABEL":
            stage.labels |= values(text)
        case "WORKDIR":
            stage.folder = text
            (stage.root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            assert re.fullmatch(r"\d+:\d+", text), "clusters cannot tell whether a name is root's"
            stage.user = text
        case "COPY":
            copy(stage, text, context, stages)
        case "RUN":
            done = subprocess.run(
                entering(stage, json.loads(text)), env=stage.variables | given,
                capture_output=True, text=True, timeout=SECONDS,
            )  # fmt: skip
            assert done.returncode == 0, f"RUN {text}\n{done.stdout}{done.stderr}"
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(text)
        case "HEALTHCHECK":
            stage.health = json.loads(text.partition(" CMD ")[2])
        case "STOPSIGNAL":
            stage.stops_by = text
        case "EXPOSE":
            stage.ports.append(int(text))
        case _:
            raise AssertionError(f"no Dockerfile of ours says {instruction}")


def values(text: str) -> dict[str, str]:
    """The pairs of ENV and LABEL."""
    found = WITH_VALUES.findall(text)
    assert " ".join(f"{name}={value}" for name, value in found) == " ".join(text.split())
    return {name: json.loads(value) if value.startswith('"') else value for name, value in found}


def copy(stage: Stage, text: str, context: Path, stages: dict[str, Stage]) -> None:
    """Files of the context, or of another stage, as root's."""
    *options, source, target = shlex.split(text)
    base = context
    for option in options:
        assert option.startswith("--from=")
        base = stages[option.removeprefix("--from=")].root
    place = target if target.startswith("/") else f"{stage.folder}/{target}"
    there = stage.root / os.path.normpath(place).lstrip("/")
    here = base / source.lstrip("/")
    if here.is_dir():
        shutil.copytree(here, there, symlinks=True, dirs_exist_ok=True)
    else:
        there = there / here.name if target.endswith("/") else there
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(here, there)


def entering(
    stage: Stage, command: Sequence[str], *, user: str = "", writes: Path | None = None
) -> list[str]:
    """How a command runs in the root of a stage: as PID 1, as `user` (a number) or whom USER says.

    With `writes`, a folder outside, the root can only be read, but for that at /data, and memory at /tmp; and
    no shell can be run.
    """
    uid, gid = (user, "0") if user else stage.user.split(":")
    root = str(stage.root)
    chroot = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin")
    more = ""
    if writes is not None:
        more = (
            f"mount --bind {writes} {root}/data\nmount -t tmpfs -o mode=1777 tmpfs {root}/tmp\n"
            f"mount -o remount,bind,ro {root}\n"
            + "".join(
                f"test ! -e {root}{shell} || mount --bind /dev/null {root}{shell}\n" for shell in SHELLS
            )
        )
    places = [place for place in OF_MACHINE if Path(place).exists() and not Path(place).is_symlink()]
    script = f"""
set -e
mount --bind {root} {root}
for place in {" ".join(places)}; do
    mount --bind "$place" {root}"$place"
    mount -o remount,bind,ro {root}"$place"
done
for device in {" ".join(DEVICES)}; do mount --bind /dev/$device {root}/dev/$device; done
mount -t proc proc {root}/proc
{more}
exec {chroot} --userspec={uid}:{gid} --groups={gid} {root} /usr/bin/env -C {stage.folder} -- "$@"
"""
    spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*spaces, "sh", "-c", script, "sh", *command]


def first_process(unshare: int) -> int:
    """The number here of the process that is PID 1 in there."""
    children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
    return int(children[0])


def inside(
    first: int, command: Sequence[str], variables: dict[str, str], user: str
) -> subprocess.CompletedProcess[str]:
    """Run a command beside PID 1, as engines run the command of HEALTHCHECK."""
    enter = ["nsenter", "--target", str(first), "--mount", "--pid", "--root", "--wdns=/srv/model"]
    return subprocess.run(
        [*enter, f"--setuid={user}", "--setgid=0", "--", *command],
        env=variables, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
