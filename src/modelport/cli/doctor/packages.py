"""The packages of this environment: are those there that modelport needs, in versions that it knows?"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import InvalidRequirement, Requirement

import modelport
from modelport.cli.doctor.seen import Seen

SUBJECT = "packages"
NAME = "modelport"
PROGRAMS = ("deepaas", "modelport-deepaas-commands")  # which have programs of the same names


def seen_of_packages() -> Iterator[Seen]:
    """What there is to say of what is required, and of extras that are there."""
    python = platform.python_version()
    yield Seen(SUBJECT, "ok", f"modelport {modelport.__version__}, Python {python} ({sys.executable})")
    try:
        listed = requires(NAME) or []
    except PackageNotFoundError:
        yield Seen(
            SUBJECT, "note", "modelport runs from a folder, and says nowhere what it requires",
            "install it: pip install -e .",
        )  # fmt: skip
        return
    wrong = 0
    if all(map(_is_there, PROGRAMS)):
        wrong += 1
        yield Seen(
            SUBJECT, "warning", f"{' and '.join(PROGRAMS)} both have programs called deepaas-run and "
            "deepaas-cli: those of the one that was installed last are there",
            "pip uninstall one of them, and install the other anew",
        )  # fmt: skip
    for text in listed:
        for seen in _seen_of(text):
            wrong += seen.level != "ok"
            yield seen
    if not wrong:
        yield Seen(SUBJECT, "ok", f"all {len(listed)} requirements are met")


def _is_there(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _seen_of(text: str) -> Iterator[Seen]:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return
    of_extra = wanted.marker is not None and "extra" in str(wanted.marker)
    if wanted.marker is not None and not of_extra and not wanted.marker.evaluate():
        return
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        if not of_extra:
            yield Seen(
                SUBJECT, "error", f"{wanted.name} is missing",
                f"pip install '{wanted.name}{wanted.specifier}', or install modelport anew",
            )  # fmt: skip
        return
    if wanted.specifier.contains(found, prereleases=True):
        return
    said = f"{wanted.name} is {found}, and modelport knows {wanted.name}{wanted.specifier}"
    remedy = f"pip install '{wanted.name}{wanted.specifier}'"
    yield Seen(SUBJECT, "warning", f"{said}; it is of an extra" if of_extra else said, remedy)
