"""Edits of a package's files: what keeps them from being made, what they change, and making them."""

from __future__ import annotations

import ast
import difflib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from modelport.cli.upgrade.source_file import Edit, edited

GIT_SECONDS = 30.0


def changed_files(edits: Iterable[Edit]) -> dict[Path, tuple[bytes, bytes]]:
    """Each file as it is and as it will be. Raises `click.ClickException` if one would be no Python then."""
    by_path: dict[Path, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.path, []).append(edit)
    found: dict[Path, tuple[bytes, bytes]] = {}
    for path, own in sorted(by_path.items()):
        before = path.read_bytes()
        after = edited(before, own)
        if path.suffix == ".py":
            try:
                ast.parse(after)
            except SyntaxError as error:
                said = f"{path}: the edits do not fit together ({error}); nothing was written"
                raise click.ClickException(said) from None
        found[path] = before, after
    return found


def refuse_unsafe(paths: Iterable[Path], root: Path | None) -> None:
    """Raise `click.ClickException` for a file that is read-only, or that has uncommitted changes.

    So is one that leads out of the folder `root`, if there is one, or elsewhere by itself.
    """
    for path in paths:
        if path.is_symlink() or not (root is None or path.resolve().is_relative_to(root.resolve())):
            raise click.ClickException(
                f"{path} is {path.resolve()}, by a symbolic link; nothing was written: name that one's folder"
            )
        may = (
            path.stat().st_mode & stat.S_IWUSR
            and os.access(path, os.W_OK)
            and os.access(path.parent, os.W_OK)
        )
        if not may:
            said = f"{path} is read-only; nothing was written: chmod u+w it, or work on a copy"
            raise click.ClickException(said)
        if _is_changed(path):
            raise click.ClickException(
                f"{path} has changes that are not committed; nothing was written: commit or stash them "
                "first, so that `git diff` shows these edits alone and `git checkout` takes them back"
            )


def _is_changed(path: Path) -> bool:
    """Whether git knows changes of a file; not where there is no git."""
    git = shutil.which("git")
    if git is None:
        return False
    asked = [git, "-C", str(path.parent), "status", "--porcelain", "--", path.name]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=GIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise click.ClickException(
            f"git does not say within {GIT_SECONDS:g} s whether {path} has changes"
        ) from None
    return done.returncode == 0 and bool(done.stdout.strip()) and not done.stdout.startswith("!!")


def difference(path: Path, before: bytes, after: bytes, shown: str) -> str:
    """What changes in a file, as `diff -u` writes it."""
    old, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(old, new, f"a/{shown}", f"b/{shown}"))


def write(path: Path, content: bytes) -> None:
    """Replace what a file holds, at once; it keeps its permissions. Raises `OSError`."""
    path = path.resolve()
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        shutil.copymode(path, made)
        os.replace(made, path)  # noqa: PTH105
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
