"""What a source says that it needs: a file of requirements, a project, or what its modules import."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import click
from packaging.requirements import InvalidRequirement, Requirement

FILES = ("requirements.txt", "pyproject.toml")
PROVIDED = frozenset({"modelport", "deepaas"})  # a stand-in for the second is in the first
# Of pip's options those that say where packages come from; the others are about this machine.
INDEX_OPTIONS = (
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--pre",
    "--no-binary",
    "--prefer-binary",
)


@dataclass
class Needed:
    """What to lock, the options that pip needs for it, where it was said, and what a person should know."""

    requirements: list[Requirement] = field(default_factory=list[Requirement])
    options: list[str] = field(default_factory=list[str])
    said: str = ""
    notes: list[str] = field(default_factory=list[str])


def needed_by(folder: Path | None, given: Path | None, modules: Collection[str]) -> Needed:
    """What a model needs: by the file that is `given`, else one in its folder, else by what it imports.

    Raises `ClickException` for a file that cannot be read.
    """
    file = given or next((folder / name for name in FILES if folder and (folder / name).is_file()), None)
    if file is not None and file.suffix == ".toml":
        needed = _of_project(file)
        if needed is not None:
            return needed
    elif file is not None:
        return _of_file(file)
    return _of_modules(modules)


def _of_project(file: Path) -> Needed | None:
    """The dependencies of a `pyproject.toml`; `None` if it names none."""
    try:
        project: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file}: it cannot be read: {error}") from None
    if "dependencies" not in project:
        return None
    return Needed([_requirement(text, str(file)) for text in project["dependencies"]], said=str(file))


def _of_file(file: Path, deep: int = 0) -> Needed:
    """A file as pip reads it: comments, continued lines, `-r`, the options that say where packages are."""
    try:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file}: it cannot be read: {error}") from None
    needed = Needed(said=str(file))
    for line in (line.partition(" #")[0].strip() for line in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        option, _, value = line.replace("=", " ", 1).partition(" ")
        if option in ("-r", "--requirement", "-c", "--constraint"):
            if deep < 8 and option in ("-r", "--requirement"):
                inner = _of_file(file.parent / value.strip(), deep + 1)
                needed.requirements += inner.requirements
                needed.options += inner.options
                needed.notes += inner.notes
        elif option in INDEX_OPTIONS:
            _add_option(needed, line, file)
        elif line.startswith(("-", ".", "/")):
            needed.notes.append(f"{file}: {line!r} is left out: the image has the model's own files anyway")
        else:
            needed.requirements.append(_requirement(line.partition(" --hash")[0], str(file)))
    return needed


def _add_option(needed: Needed, line: str, file: Path) -> None:
    if "@" in line and "//" in line:
        raise click.ClickException(
            f"{file}: an address with a password would be in the image; take it out, and give it to the "
            "build with --build-arg PIP_EXTRA_INDEX_URL=…"
        )
    needed.options.append(line)


def _requirement(text: str, where: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise click.ClickException(
            f"{where}: {text!r} is no requirement: {str(error).splitlines()[0]}"
        ) from None


def _of_modules(modules: Collection[str]) -> Needed:
    """The installed packages that have these modules."""
    known = packages_distributions()
    needed = Needed(said="what its modules import")
    for module in sorted(set(modules) - PROVIDED):
        if module in known:
            needed.requirements += [Requirement(name) for name in sorted(set(known[module]))]
        else:
            needed.notes.append(
                f"{module}: it is imported, and no package here has it; name it in requirements.txt"
            )
    return needed
