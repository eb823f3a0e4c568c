"""What an image of a source consists of: the model's files, what it imports, and how it is served there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path

import click
from packaging.requirements import Requirement

from modelport.cli.images.imports import imported
from modelport.contract.errors import ModelLoadError
from modelport.guards.errors import FileRefused
from modelport.home import expanded
from modelport.settings.checking import SettingsError
from modelport.settings.files import FileSettings, settings_of_file
from modelport.settings.settings import SOURCE
from modelport.sources.model_paths import model_target
from modelport.sources.source import Source, beside, read_source

OF_PICKLES = frozenset({"builtins", "__builtin__", "copyreg"})


@dataclass
class Contents:
    """What goes into an image, of one source or of a file of settings.

    `root` is the folder whose files are copied, `only` the one thing in it that is meant, if it is not all.
    `serve` is what `modelport serve` is given there. `modules` are imported from elsewhere; `needed` must be
    installed whatever a file of requirements says; `extras` are those of modelport. `set_` names the settings
    of the file, which the image must not set otherwise.
    """

    serve: list[str]
    name: str
    root: Path | None = None
    only: Path | None = None
    modules: set[str] = field(default_factory=set[str])
    needed: list[Requirement] = field(default_factory=list[Requirement])
    extras: set[str] = field(default_factory=set[str])
    set_: frozenset[str] = frozenset()


def contents_of(text: str) -> Contents:
    """What a source, as users write it, consists of. Raises `ClickException` for one that cannot be built."""
    try:
        if text.endswith(".toml"):
            return _of_file(Path(text))
        return _of_source(read_source(text), text)
    except (ModelLoadError, SettingsError, FileRefused) as error:
        raise click.ClickException(str(error)) from None


def _of_file(path: Path) -> Contents:
    """A file of settings, with all that its models consist of, which must lie in its folder."""
    read = settings_of_file(path)
    folder = path.absolute().parent
    texts: list[str] = [*read.values["sources"].value] if "sources" in read.values else []
    for model, own in read.models.items():
        if SOURCE in own:
            texts.append(f"{model}={own[SOURCE].value}")
    if not texts:
        raise click.ClickException(f"{path}: it names no model; an image needs one")
    found = [_of_source(read_source(beside(text, folder)), text, folder) for text in texts]
    return Contents(
        serve=[path.name],
        name=path.stem,
        root=folder,
        modules={module for one in found for module in one.modules},
        needed=[one for each in found for one in each.needed],
        extras={extra for one in found for extra in one.extras} | _extras_of(read),
        set_=frozenset(read.values),
    )


def _extras_of(read: FileSettings) -> set[str]:
    """The extras of modelport that settings need."""
    return {
        extra
        for setting, extra in (("database_url", "postgres"), ("grpc_port", "grpc"))
        if setting in read.values
    }


def _of_source(source: Source, text: str, root: Path | None = None) -> Contents:
    """What one source consists of; with a `root` its files must lie in that."""
    if source.kind == "mlflow":
        raise click.ClickException(
            f"{source}: an image asks no store of MLflow; fetch the model with `mlflow artifacts download`, "
            "and name its own file (such as model.pkl)"
        )
    if source.kind == "model":
        return _of_model(source, root)
    if source.kind == "file":
        return _of_code(source, _place(source), root)
    here = _in_working_folder(source.target, root or Path.cwd())
    if here is not None:
        return _of_code(source, here, root or Path.cwd())
    return _of_installed(source)


def _of_code(source: Source, file: Path, root: Path | None) -> Contents:
    """Python files. The folder of the file goes in, or the working folder if modules of that are imported."""
    if not file.exists():
        raise click.ClickException(f"{source}: there is no such file")
    folder = file.parent
    working = root or Path.cwd()
    found = imported([file], (), (folder, working))
    if root is None:
        root = working if working in found.places and folder.is_relative_to(working) else folder
    _check_folder(root, source)
    if source.kind == "file":
        served = f"{_below(file, root, source)}{':' if source.attribute else ''}{source.attribute}"
    else:
        served = str(source)
    return Contents([f"{source.name}={served}"], source.name, root, modules=found.others)


def _of_model(source: Source, root: Path | None) -> Contents:
    """A saved model: its file or folder, the packages of its format, and the modules that a pickle names."""
    from modelport.sources.files.recognise import recognised

    path = _place(replace(source, target=model_target(source.target, source.options)))
    found = recognised(path, source.options.format)
    named = {name.partition(".")[0] for name in found.scan.names} - OF_PICKLES
    beside_it = imported((), named, (path.parent, Path.cwd()))
    only = path if root is None and not beside_it.places else None
    if root is None:
        root = Path.cwd() if Path.cwd() in beside_it.places - {path.parent} else path.parent
    if only is None:
        _check_folder(root, source)
    served = f"{source.name}={_below(path, root, source)}"
    contents = Contents([served], source.name, root, only, beside_it.others)
    if found.format.extra:
        contents.extras.add(found.format.extra)
    elif found.format.module:
        contents.modules.add(found.format.module)
    return contents


def _place(source: Source) -> Path:
    """Where the file or folder of a source is, without `..` in it."""
    return Path(os.path.normpath(expanded(source.target).absolute()))


def _of_installed(source: Source) -> Contents:
    """A module that is installed: its package is locked as all others."""
    top = source.target.partition(".")[0]
    names = packages_distributions().get(top)
    if not names:
        raise click.ClickException(
            f"{source}: there is no module {top!r} here, neither installed nor in the working folder"
        )
    needed = [Requirement(name) for name in dict.fromkeys(names)]
    return Contents([f"{source.name}={source}"], source.name, needed=needed)


def _in_working_folder(module: str, folder: Path) -> Path | None:
    """The file of a module that lies in a folder, and is not installed."""
    spec = PathFinder.find_spec(module.partition(".")[0], [str(folder)])
    if spec is None:
        return None
    place = folder.joinpath(*module.split("."))
    for path in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if path.is_file():
            return path
    return folder / module.partition(".")[0] / "__init__.py"


def _below(path: Path, root: Path, source: Source) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        raise click.ClickException(
            f"{source}: it lies outside of {root}, the folder that goes into the image; move it there"
        ) from None


def _check_folder(root: Path, source: Source) -> None:
    """Whole homes and disks do not go into images."""
    if root in (Path("/"), Path.home(), Path("/tmp")):
        raise click.ClickException(
            f"{source}: all of {root} would go into the image; put the model into a folder of its own"
        )
