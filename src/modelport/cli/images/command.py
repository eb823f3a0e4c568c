"""The command `modelport build`: a model with its environment as an image, or as what one is built from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.images.engines import ASKED, build_command, engine

if TYPE_CHECKING:
    from modelport.cli.images.contents import Contents
    from modelport.cli.images.dockerfile import PythonFrom
    from modelport.cli.images.files import Taken
    from modelport.cli.images.lock import Lock

# A name of an image: the host of a registry, lower-case parts, a tag (https://github.com/distribution/reference).
TAG = re.compile(r"([\w.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?", re.ASCII)
MOST_NAMES = 6  # of files that are told of one by one


@dataclass(frozen=True)
class Chosen:
    """What a person says of an image, by the options of the command."""

    base: str | None
    python_from: PythonFrom | None
    requirements: Path | None
    extra: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]


def _build(
    source: str, serve_options: tuple[str, ...], tag: str | None, only_context: Path | None, **how: Any
) -> None:
    if tag is None and only_context is None:
        raise click.UsageError(
            "Missing option '-t': what the image is to be called (or --only-context FOLDER)"
        )
    if tag is not None and not TAG.fullmatch(tag):
        raise click.UsageError(f"Invalid value for '-t': {tag!r} is no name of an image, such as lab/iris:1")
    _check_options(serve_options)
    wanted, arguments = how.pop("engine"), how.pop("build_arg")
    chosen = Chosen(**how)
    if only_context is not None:
        with tempfile.TemporaryDirectory(prefix=".modelport-build-", dir=_free(only_context)) as made:
            folder = Path(made) / "context"
            _write(folder, source, serve_options, tag or "", chosen)
            _replace(only_context, folder)
        command = build_command("docker", only_context, tag or "NAME", arguments)
        click.echo(f"wrote {only_context}; where an engine is: {' '.join(command)}")
        return
    name = engine(wanted)  # asked first: all else would be for nothing
    with tempfile.TemporaryDirectory(prefix="modelport-build-") as made:
        folder = Path(made) / "context"
        _write(folder, source, serve_options, tag or "", chosen)
        command = build_command(name, folder, tag, arguments)
        if subprocess.run(command, check=False).returncode:
            raise click.ClickException(f"{name} could not build the image: it says why above")
    click.echo(
        f"built {tag} by {name}; to try it: {name} run --rm -e MODELPORT_AUTH=off "
        f"-p 127.0.0.1:5000:5000 {tag}"
    )


def _check_options(options: tuple[str, ...]) -> None:
    """Options of `modelport serve` are judged now, and not when a container starts. Raises `UsageError`."""
    from modelport.cli.serve_command import command as serve

    if options:
        serve.make_context("serve", list(options))


def _free(folder: Path) -> Path:
    """The folder above one that may be written; raises `UsageError` for one that holds other things."""
    from modelport.cli.images.dockerfile import MARK

    if folder.exists():
        written = folder / "Dockerfile"
        is_ours = written.is_file() and written.read_text(encoding="utf-8", errors="replace").startswith(MARK)
        if not folder.is_dir() or (any(folder.iterdir()) and not is_ours):
            raise click.UsageError(
                f"Invalid value for '--only-context': {folder} holds something else already"
            )
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from None
    return folder.absolute().parent


def _replace(there: Path, made: Path) -> None:
    """Put what was made in the place of what was written before."""
    if there.exists():
        shutil.rmtree(there)
    made.rename(there)


def _write(folder: Path, source: str, serve_options: tuple[str, ...], title: str, chosen: Chosen) -> None:
    """Write the context of a source into a new folder, and say what is in it."""
    from modelport.cli.images import dockerfile as text
    from modelport.cli.images import sbom
    from modelport.cli.images.contents import contents_of
    from modelport.cli.images.files import dockerignore

    contents = contents_of(source)
    contents.extras |= set(chosen.extra)
    folder.mkdir()
    taken = _copied(contents, folder / "model", chosen)
    lock = _lock(contents, chosen.requirements, folder / "wheels")
    name = title.rpartition("/")[2].partition(":")[0] or contents.name
    base = chosen.base or text.default_base()
    image = text.Image(
        base=base,
        python_from=chosen.python_from or text.python_from(base),
        name=name,
        serve=[*contents.serve, *serve_options],
        lock_digest=lock.digest(),
        is_whole=lock.is_whole,
        has_wheels=(folder / "wheels").exists(),
        has_files=taken is not None,
        settings=_variables(contents.set_),
        port=None if contents.set_ & {"port", "uds"} else text.PORT,
    )
    for file, content in {
        "Dockerfile": text.dockerfile(image),
        ".dockerignore": dockerignore(),
        "requirements.lock": lock.text(),
        sbom.FILE: sbom.bill_of(name, lock, folder / "wheels"),
    }.items():
        (folder / file).write_text(content, encoding="utf-8")


def _variables(is_set: frozenset[str]) -> dict[str, str]:
    """What an image sets, unless its file of settings says it: where it listens, and where data are."""
    from modelport.cli.images.dockerfile import DATA

    own = {"host": "0.0.0.0", "data_dir": DATA}
    return {f"MODELPORT_{name.upper()}": value for name, value in own.items() if name not in is_set}


def _copied(contents: Contents, folder: Path, chosen: Chosen) -> Taken | None:
    """Copy the model's files, and say which stay out; `None` if it has none, being installed."""
    from modelport.cli.images.files import UNTOLD, Taken, copied, taken_from

    if contents.root is None:
        return None
    only = contents.only
    if only is not None and only.is_file():
        taken = Taken({only.name: only})
    else:
        taken = taken_from(only or contents.root, chosen.include, chosen.exclude)
        if only is not None:
            taken.files = {f"{only.name}/{name}": path for name, path in taken.files.items()}
    if not taken.files:
        raise click.ClickException(f"{only or contents.root}: no file of it may go into an image")
    folder.mkdir()
    try:
        copied(taken, folder)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: it cannot be copied: {error.strerror}") from None
    click.echo(f"files: {len(taken.files)} of {only or contents.root}, {taken.bytes / 1e6:.1f} MB", err=True)
    for reason, names in taken.out.items():
        if reason != UNTOLD:
            shown = ", ".join(names[:MOST_NAMES]) + (
                f" and {len(names) - MOST_NAMES} more" * (len(names) > MOST_NAMES)
            )
            click.echo(f"  left out, {reason}: {shown} (--include PATTERN takes some nevertheless)", err=True)
    return taken


def _lock(contents: Contents, given: Path | None, wheels: Path) -> Lock:
    """Lock what the model needs, and say what of it is not pinned."""
    from packaging.requirements import Requirement

    from modelport.cli.images.lock import OUR_NAME, locked
    from modelport.cli.images.requirements import needed_by

    needed = needed_by(
        contents.only if contents.only and contents.only.is_dir() else contents.root, given, contents.modules
    )
    extras = f"[{','.join(sorted(contents.extras))}]" if contents.extras else ""
    lock = locked(
        [Requirement(OUR_NAME + extras), *contents.needed, *needed.requirements], needed.options, wheels
    )
    click.echo(f"environment: {len(lock.packages)} packages, by {needed.said}", err=True)
    for note in [*needed.notes, *lock.notes]:
        click.echo(f"  {note}", err=True)
    return lock


command = click.Command(
    "build",
    callback=_build,
    params=[
        click.Argument(["source"], metavar="[NAME=]SOURCE"),
        click.Argument(["serve_options"], nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF serve]"),
        click.Option(
            ["tag", "-t", "--tag"], metavar="NAME", help="what the image is called, such as lab/iris:1"
        ),
        click.Option(
            ["only_context", "--only-context"],
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="build nothing: write what an engine builds the image from, for a machine that has one",
        ),
        click.Option(
            ["engine", "--engine"],
            type=click.Choice(list(ASKED)),
            help="what builds [default: the first that answers]",
        ),
        click.Option(
            ["base", "--base"],
            metavar="IMAGE",
            help="what it is built upon, such as nvidia/cuda:12.8.1-runtime-ubuntu24.04 [default: python:"
            f"{sys.version_info.major}.{sys.version_info.minor}-slim]",
        ),
        click.Option(
            ["python_from", "--python-from"],
            type=click.Choice(["base", "uv"]),
            help="where its Python is from: the base, or uv, which brings one [default: by the base's name]",
        ),
        click.Option(
            ["requirements", "--requirements"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="what the model needs [default: requirements.txt or pyproject.toml beside it, else what it "
            "imports]",
        ),
        click.Option(
            ["extra", "--extra"],
            multiple=True,
            help="an extra of modelport, such as postgres; repeat it for more",
        ),
        click.Option(
            ["include", "--include"],
            multiple=True,
            metavar="PATTERN",
            help="files that go in although they look like secrets or data",
        ),
        click.Option(
            ["exclude", "--exclude"], multiple=True, metavar="PATTERN", help="files that stay out, too"
        ),
        click.Option(
            ["build_arg", "--build-arg"],
            multiple=True,
            metavar="NAME=VALUE",
            help="an argument of the build, such as PIP_INDEX_URL=…",
        ),
    ],
    short_help="Make an image of a model.",
    help="Make an image of a model, with the environment that it has here. What follows -- is given to "
    "`modelport serve` in the image: modelport build model.pkl -t lab/model -- --trust --workers 2",
)
