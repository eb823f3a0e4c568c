"""Wheels of packages that come from a folder of this machine: no index has them for the image."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from modelport.cli.images.engines import why_failed

WHEEL_SECONDS = 300


def from_here(distribution: Distribution) -> Path | None:
    """The folder or file of this machine that a package was installed from (PEP 610), if it was."""
    url: str = _direct(distribution).get("url", "")
    return Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None


def from_repository(distribution: Distribution) -> str:
    """What pip takes a package from that was installed from a repository, at its commit; else empty."""
    direct = _direct(distribution)
    of_versions: dict[str, str] = direct.get("vcs_info", {})
    if of_versions:
        return f"{of_versions['vcs']}+{direct['url']}@{of_versions['commit_id']}"
    return direct["url"] if direct.get("url", "").startswith("https:") else ""


def _direct(distribution: Distribution) -> dict[str, Any]:
    text = distribution.read_text("direct_url.json")
    return json.loads(text) if text else {}


def wheel_of(place: Path, folder: Path) -> str:
    """Put the wheel of what lies at `place` into a folder; returns its name. Raises `ClickException`."""
    if place.suffix == ".whl" and place.is_file():
        shutil.copyfile(place, folder / place.name)
        return place.name
    if not place.exists():
        raise click.ClickException(
            f"{place}: a package is installed from here, and it is gone; install that package anew"
        )
    before = set(folder.iterdir())
    said = _built(place, folder, "--no-build-isolation") and _built(place, folder)
    made = set(folder.iterdir()) - before
    if said or len(made) != 1:
        raise click.ClickException(
            f"{place}: no wheel can be built of this package: {said or 'none was made'}"
        )
    return made.pop().name


def _built(place: Path, folder: Path, *options: str) -> str:
    """Have pip build a wheel; returns what went wrong, if anything."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [*options, "--wheel-dir", str(folder), str(place)]
    try:
        return why_failed(command, WHEEL_SECONDS, "pip")
    except subprocess.TimeoutExpired:
        return f"pip has not ended in {WHEEL_SECONDS} s"
