"""A source string, read: where a model comes from and what it is called.

[NAME=]entrypoint:NAME
[NAME=]package.module[:attribute]
[NAME=]path/to/file.py[:attribute]
[NAME=]path/to/saved-model
[NAME=]mlflow:models:/NAME/VERSION
[NAME=]mlflow:runs:/RUN_ID/PATH
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.home import expanded
from modelport.settings.values import MODEL_NAME as NAME
from modelport.sources.mlflow.uris import SCHEME, check_mlflow, parse_uri
from modelport.sources.model_paths import checked_options, is_model_path, model_target
from modelport.sources.near_names import did_you_mean

SourceKind = Literal["module", "file", "model", "mlflow", "object"]
ENTRY_POINT_GROUP = "deepaas.v2.model"
OLD_GROUP = "deepaas.model"  # of DEEPaaS V1, looked into where nothing is in the other
NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)=(?P<rest>.+)", re.DOTALL)
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
PYTHON_FILE = re.compile(r"\.py(:[^/]*)?$")
# Files that every project has: the folder above them says more.
COMMON_NAMES = frozenset({"api", "app", "main", "model", "models", "__init__"})


@dataclass(frozen=True)
class Source:
    """Where one model comes from. `target` is a module name or a path; `attribute` may be empty.

    A `file` is Python code, a `model` anything else that was saved: a file or a folder. `mlflow` is a model
    in a tracking store of MLflow, and its target a URI there. An `object` is one of the caller's own, pickled
    for the worker; no source string can name one. `saved` is a version of the model: the path of what one of
    its trainings has saved, or a source of its own. `group` is that of the entry point that it was found by.
    """

    name: str
    kind: SourceKind
    target: str
    attribute: str = ""
    options: ModelOptions = field(default_factory=ModelOptions)
    saved: str = ""
    group: str = ""

    def __str__(self) -> str:
        if self.kind == "object":
            return f"the object {self.name!r}"
        if self.kind == "mlflow":
            return f"{SCHEME}{self.target}"
        return f"{self.target}:{self.attribute}" if self.attribute else self.target

    @property
    def is_saved(self) -> bool:
        """True for what a framework or MLflow has saved: it may need trust, and it may be broken."""
        return self.kind in ("model", "mlflow")


def parse_source(text: str, options: ModelOptions | None = None) -> Source:
    """Read a source string; a saved model is looked at, but not loaded. `options` are the operator's.

    Raises `ModelLoadError` saying what is wrong with it and what to write or do.
    """
    return _checked(read_source(text), text, options or ModelOptions())


def _checked(source: Source, text: str, options: ModelOptions) -> Source:
    """The source, if it may be loaded here, with the options for it."""
    if not NAME.fullmatch(source.name):
        raise ModelLoadError(
            f"{text!r}: {source.name!r} cannot be a model's name (letters, digits, '.', '_', '-'); "
            "write NAME=SOURCE"
        )
    if source.kind == "model":
        source = replace(source, target=model_target(source.target, options))
        options = checked_options(source.target, options)
    elif source.kind == "mlflow":
        check_mlflow(text)
    check_utf8(text)
    return replace(source, options=options)


def check_utf8(path: str) -> None:
    """Raise `ModelLoadError` for a path that is no UTF-8: nothing could say in an answer where a model is."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ModelLoadError(
            f"{path!a}: this path is no UTF-8; rename what is called so, or make a symbolic link to it"
        ) from None


def read_source(text: str) -> Source:
    """A source string as it is written, without a look at what it names. Raises `ModelLoadError`."""
    name = ""
    rest = text
    named = NAMED.fullmatch(text)
    if named is not None:
        name, rest = named["name"], named["rest"]
    if rest.startswith("entrypoint:"):
        return _entry_point(rest.removeprefix("entrypoint:"), name)
    if rest.startswith(SCHEME):
        uri = parse_uri(rest.removeprefix(SCHEME))
        return Source(name or uri.model_name, "mlflow", uri.text)
    if not PYTHON_FILE.search(rest) and is_model_path(rest):
        return Source(name or _name_of_model(Path(rest)), "model", rest)
    target, attribute = _split(rest)
    if target.endswith(".py"):
        return Source(name or _name_of_file(Path(target)), "file", target, attribute)
    if DOTTED.fullmatch(target):
        return Source(name or _name_of_parts(target.split(".")), "module", target, attribute)
    raise ModelLoadError(
        f"{text!r} is no source: write package.module, package.module:Class, path/to/file.py[:Class], the "
        "path of a saved model, mlflow:URI or entrypoint:NAME, with NAME= before it to name the model"
    )


def _split(text: str) -> tuple[str, str]:
    target, colon, attribute = text.rpartition(":")
    if not colon or text.endswith(".py"):  # a folder's name may hold a colon
        return text, ""
    if not DOTTED.fullmatch(attribute):
        raise ModelLoadError(f"{text!r}: {attribute!r} is not the name of a class or object")
    return target, attribute


def _name_of_file(path: Path) -> str:
    return _name_of_parts([*path.absolute().parent.parts[-1:], path.stem])


def _name_of_model(path: Path) -> str:
    """The name of a saved model's file without its end, or that of its folder."""
    whole = expanded(path).absolute()
    with contextlib.suppress(OSError):  # it may lie where this user may not look, as loading it will say
        if whole.is_dir():
            return whole.name
    return _name_of_parts([whole.parent.name, whole.name.partition(".")[0] or whole.stem])


def _name_of_parts(parts: list[str]) -> str:
    if parts[-1] in COMMON_NAMES and len(parts) > 1:
        return parts[-2]
    return parts[-1]


def installed_entry_points() -> dict[str, Source]:
    """Every installed DEEPaaS entry point by its name; those of V1's group where the other is empty."""
    from importlib import metadata  # and with it, e-mail and ZIP

    for group in (ENTRY_POINT_GROUP, OLD_GROUP):
        found = {
            entry.name: Source(entry.name, "module", entry.module, entry.attr or "", group=group)
            for entry in metadata.entry_points(group=group)
        }
        if found:
            return found
    return {}


def _entry_point(entry: str, name: str) -> Source:
    installed = installed_entry_points()
    if entry not in installed:
        known = ", ".join(sorted(installed)) or "none is installed"
        raise ModelLoadError(
            f"no entry point {entry!r} in the group {ENTRY_POINT_GROUP} (installed: {known})"
            + did_you_mean(entry, installed)
        )
    source = installed[entry]
    return replace(source, name=name or entry)


def old_group_words(source: Source) -> str:
    """What to say of a model that was found in the group of V1's entry points; nothing for any other."""
    if source.group != OLD_GROUP:
        return ""
    return (
        f"its entry point is in the group {OLD_GROUP} of DEEPaaS V1 (deprecated), which is looked into where "
        f"{ENTRY_POINT_GROUP} has nothing: name that group in its package"
    )


def parse_sources(
    texts: Sequence[str], options_of: Callable[[str], ModelOptions] | None = None
) -> list[Source]:
    """The models that these sources name, or every installed entry point if there are none.

    `options_of` has the options of a model by its name. Raises `ModelLoadError` for a source that cannot be
    read or served.
    """
    options_of = options_of or (lambda name: ModelOptions())
    if texts:
        read = [(read_source(text), text) for text in texts]
        return [_checked(source, text, options_of(source.name)) for source, text in read]
    return [replace(source, options=options_of(name)) for name, source in installed_entry_points().items()]


def to_serve(sources: Sequence[Source], model_name: str | None = None) -> list[Source]:
    """The sources to serve: all, or the one of this name.

    Raises `ModelLoadError` for a name used twice, or nothing to serve.
    """
    chosen = list(sources)
    if model_name is not None:
        known = [source.name for source in sources]
        chosen = [source for source in sources if source.name == model_name]
        if not chosen:
            raise ModelLoadError(
                f"no model is called {model_name!r} (there is: {', '.join(known) or 'none'})"
                + did_you_mean(model_name, known)
            )
    if not chosen:
        raise ModelLoadError(
            "there is no model to serve: name one (modelport serve path/to/model.py) or install a package "
            f"that has an entry point in the group {ENTRY_POINT_GROUP}"
        )
    names = [source.name for source in chosen]
    for source in chosen:
        if names.count(source.name) > 1:
            raise ModelLoadError(f"two models are called {source.name!r}; name one of them: OTHER={source}")
    return chosen


def beside(text: str, folder: Path) -> str:
    """A source string whose path, if it is a relative one, begins at a folder.

    Names of modules and entry points, and what MLflow has, stay as they are.
    """
    named = NAMED.fullmatch(text)
    name, rest = (f"{named['name']}=", named["rest"]) if named is not None else ("", text)
    if rest.startswith(("entrypoint:", SCHEME, "~", "/")):
        return text
    there = str(folder / rest)
    is_path = PYTHON_FILE.search(rest) or is_model_path(there if (folder / rest).exists() else rest)
    return f"{name}{there}" if is_path else text
