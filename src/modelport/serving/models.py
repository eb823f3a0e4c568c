"""What a caller gives to serve: source strings and paths, classes, objects and functions."""

from __future__ import annotations

import inspect
import os
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.engine.spool import Spool
from modelport.serving.pickling import pickled
from modelport.settings import Settings
from modelport.settings.of_models import check_models
from modelport.sources.near_names import did_you_mean
from modelport.sources.objects import write_object
from modelport.sources.presence import check_present
from modelport.sources.source import NAME, Source, parse_sources


@dataclass(frozen=True)
class HeldObject:
    """A model that is an object of the caller's."""

    name: str
    model: Any


Given = Source | HeldObject


def given_models(models: Sequence[Any], settings: Settings) -> list[Given]:
    """What is to be served; a dictionary names its models.

    Raises `ModelLoadError` for a source that cannot be read or does not exist, or a name that cannot be used
    or is used twice; `SettingsError` for settings of a model that is none of them.
    """
    found: list[Given] = []
    for model in models:
        if isinstance(model, Mapping):
            named = cast("Mapping[Any, Any]", model)
            found += [_named(str(name), one, settings) for name, one in named.items()]
        else:
            found.append(_unnamed(model, settings))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ModelLoadError(f"two models are called {name!r}; give a dictionary of names and models")
    check_models(settings, names)
    wanted = settings.model_name
    if wanted is not None:
        found = [one for one in found if one.name == wanted]
    if not found:
        if wanted is None:
            raise ModelLoadError("there is no model to serve: the dictionary of models is empty")
        known = ", ".join(names)
        raise ModelLoadError(
            f"no model is called {wanted!r} (there is: {known})" + did_you_mean(wanted, names)
        )
    check_present(one for one in found if isinstance(one, Source))
    return found


def _named(name: str, model: Any, settings: Settings) -> Given:
    if not NAME.fullmatch(name):
        raise ModelLoadError(f"{name!r} cannot be a model's name (letters, digits, '.', '_', '-')")
    if isinstance(model, (str, os.PathLike)):
        return _source(f"{name}={_text(cast('str | os.PathLike[str]', model))}", settings)
    return HeldObject(name, model)


def _unnamed(model: Any, settings: Settings) -> Given:
    if isinstance(model, (str, os.PathLike)):
        return _source(_text(cast("str | os.PathLike[str]", model)), settings)
    has_name = inspect.isclass(model) or inspect.isroutine(model) or inspect.ismodule(model)
    named = cast("Any", model if has_name else type(model))
    name = str(named.__name__).rpartition(".")[2].strip("_")
    return HeldObject(name if NAME.fullmatch(name) else "model", model)


def _source(text: str, settings: Settings) -> Source:
    def options_of(model: str) -> ModelOptions:
        own = settings.of(model)
        return ModelOptions(trust=own.trust, format=own.format or "")

    return parse_sources([text], options_of)[0]


def _text(model: str | os.PathLike[str]) -> str:
    return model if isinstance(model, str) else str(Path(model).absolute())


class ObjectFiles:
    """The private folder that objects go to a worker through. Close it when no worker starts any more."""

    def __init__(self, settings: Settings):
        self._parent = settings.spool_dir
        self._spool: Spool | None = None  # a later start removes it if this process is killed
        self._removal: weakref.finalize[Any, ObjectFiles] | None = None

    def sources(self, models: Sequence[Given]) -> list[Source]:
        """The models as the engine takes them. Raises `ModelLoadError`, or `OSError` for the folder."""
        return [self._written(one) if isinstance(one, HeldObject) else one for one in models]

    def _written(self, held: HeldObject) -> Source:
        content = pickled(held.model, held.name)
        if self._spool is None:
            self._spool = Spool(self._parent)
            self._spool.open()
            self._removal = weakref.finalize(self, _remove, self._spool, os.getpid())
        path = self._spool.root / f"{held.name}.pickle"
        write_object(content, path)
        return Source(held.name, "object", str(path))

    def close(self) -> None:
        """Remove the files. At the end of the process they are removed in any case."""
        if self._removal is not None:
            self._removal()


def _remove(spool: Spool, process: int) -> None:
    if os.getpid() == process:  # and not a child that has inherited the object
        spool.close()
