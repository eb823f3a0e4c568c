"""What `modelport check --upgrade` prints, and what it does with `--write`."""

from __future__ import annotations

import textwrap

import click

from modelport.cli.upgrade.notes import points_of
from modelport.cli.upgrade.package import Package, find_package
from modelport.cli.upgrade.points import Found, Point
from modelport.cli.upgrade.writing import changed_files, difference, refuse_unsafe, write

NOTHING = "nothing to do"


def check_upgrade(text: str, writing: bool) -> int:
    """Go through the notes for a package; its edits are made if `writing`. Returns how much is left to do.

    No code of the package runs. Raises `click.ClickException`.
    """
    package = find_package(text)
    try:
        points = points_of(package)
    except RecursionError:
        raise click.ClickException(f"{package.name}: an expression in it is nested too deep") from None
    click.echo(f"{package.name}: the upgrade notes of DEEPaaS, in their order")
    for number, point in enumerate(points, 1):
        _tell(number, point)
    left = [found for point in points for found in point.found if not found.note]
    safe = [found for found in left if found.edits]
    if writing:
        _write(package, safe)
        left = [found for found in left if not found.edits]
    click.echo(_summary(len(left), len(safe), writing))
    return len(left)


def _tell(number: int, point: Point) -> None:
    needed = any(not found.note for found in point.found)
    click.echo(f"{number}. {point.title}{'' if needed else f': {NOTHING}'}")
    for found in point.found:
        click.echo(f"   {found.place}: {found.said}")
        if found.write:
            click.echo(textwrap.indent(found.write, "       ").replace("       ", "     → ", 1))
        if found.why_not:
            click.echo(f"     not by --write: {found.why_not}")


def _write(package: Package, safe: list[Found]) -> None:
    files = changed_files(edit for found in safe for edit in found.edits)
    refuse_unsafe(files, package.root)
    for path, (before, after) in files.items():
        click.echo(difference(path, before, after, package.shown(path)), nl=False)
    for path, (_, after) in files.items():
        try:
            write(path, after)
        except OSError as error:
            raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def _summary(left: int, safe: int, writing: bool) -> str:
    things = f"{left} thing{'s' * (left != 1)} to do"
    if writing:
        return f"{safe} edit{'s' * (safe != 1)} written, {things if left else NOTHING} by hand"
    return f"{things}, {safe} of which --write does" if left else NOTHING
