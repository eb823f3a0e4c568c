"""The lock of a model's environment: what is installed here, pinned, with all that it needs in turn."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelport.cli.images.wheels import from_here, from_repository, wheel_of

OUR_NAME = "modelport"


@dataclass(frozen=True)
class Package:
    """A package of the image. `line` is what pip is told; `wheel` the file in the context, if it is one."""

    name: str
    version: str
    line: str
    licence: str = ""
    wheel: str = ""


@dataclass
class Lock:
    """The packages by their names, the options of pip above them, and what a person should know."""

    packages: dict[str, Package] = field(default_factory=dict[str, Package])
    options: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    is_whole: bool = True  # every package is pinned: pip need not look for more

    def text(self) -> str:
        """The file that pip installs."""
        about = f"# Written by modelport build, from an environment of Python {platform.python_version()}."
        lines = [self.packages[name].line for name in sorted(self.packages)]
        return "\n".join([about, *self.options, *lines, ""])

    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.text().encode()).hexdigest()


def locked(requirements: Iterable[Requirement], options: Iterable[str], wheels: Path) -> Lock:
    """The lock of these requirements; packages that come from folders here become wheels in `wheels`.

    What is not installed here, or in another version than is asked for, stays as it is asked for, and is
    noted. Raises `ClickException` for a folder of which no wheel can be built.
    """
    lock = Lock(options=list(options))
    left = list(requirements)
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        wanted = left.pop()
        name = canonicalize_name(wanted.name)
        key = (name, frozenset(wanted.extras))
        if key in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(key)
        found = _installed(wanted)
        if isinstance(found, str):
            lock.is_whole = False
            lock.notes.append(f"{wanted}: {found}, so pip will choose it in the image")
            lock.packages.setdefault(name, Package(name, "", str(wanted)))
            continue
        if name not in lock.packages:
            lock.packages[name] = _package(found, wheels)
            if "+" in found.version and not lock.packages[name].wheel:
                lock.notes.append(
                    f"{name} {found.version} is of an index of its own: give its address with "
                    "--build-arg PIP_EXTRA_INDEX_URL=…"
                )
        left += _needed(found, wanted.extras)
    return lock


def _installed(wanted: Requirement) -> Distribution | str:
    """What is installed for a requirement, or why that cannot be pinned."""
    try:
        found = distribution(wanted.name)
    except PackageNotFoundError:
        return "it is not installed here"
    if wanted.url is None and not wanted.specifier.contains(found.version, prereleases=True):
        return f"{found.version} is installed here"
    return found


def _package(found: Distribution, wheels: Path) -> Package:
    name = canonicalize_name(found.metadata["Name"])
    version = str(Version(found.version))
    licence = (
        str(found.metadata["License-Expression"] or "") if "License-Expression" in found.metadata else ""
    )
    if place := from_here(found):
        wheels.mkdir(parents=True, exist_ok=True)
        wheel = wheel_of(place, wheels)
        return Package(name, version, f"./{wheels.name}/{wheel}", licence, wheel)
    if url := from_repository(found):
        return Package(name, version, f"{name} @ {url}", licence)
    return Package(name, version, f"{name}=={version}", licence)


def _needed(found: Distribution, extras: Iterable[str]) -> list[Requirement]:
    """What a package needs here, with these of its extras."""
    needed: list[Requirement] = []
    for text in found.requires or ():
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            one.marker = None
            needed.append(one)
    return needed
