"""A version of a model: what one of its trainings has saved, loaded in the worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.deepaas_modules import provide_deepaas_modules
from modelport.sources.mlflow.uris import SCHEME
from modelport.sources.model_loop import run_through
from modelport.sources.python import load_object
from modelport.sources.source import Source

LOADER = "load_model"  # what a model's own code may have to load what its trainings save


class Version(NamedTuple):
    """The model of a version, the options with what is recorded of it, and the code that trains it.

    `code` is `None` where that is the model itself, or where there is none.
    """

    model: Any
    options: ModelOptions
    code: Any = None


def load_version(source: Source, problems: list[str]) -> Version:
    """The model that `source.saved` holds.

    Code that has `load_model(path)` loads it by that, and is served itself; otherwise what was saved must be
    a model file. Raises `ModelLoadError` with the reason.
    """
    in_mlflow = source.saved.startswith(SCHEME)
    code = None if source.is_saved else load_object(replace(source, saved=""))
    loader = getattr(code, LOADER, None)
    if callable(loader) and not in_mlflow:
        _load_by(loader, source)
        return Version(code, source.options)
    provide_deepaas_modules()  # a pickled model may have been written for DEEPaaS
    if in_mlflow:
        from modelport.sources.mlflow.loading import load_mlflow

        model, options = load_mlflow(source.saved.removeprefix(SCHEME), source.options, problems)
        return Version(model, options, code)
    from modelport.sources.files.loading import load_file

    return Version(load_file(source.saved, source.options, problems), source.options, code)


def _load_by(loader: Any, source: Source) -> None:
    path = Path(source.saved)
    if not path.exists():
        raise ModelLoadError(f"{source}: what its training saved is missing: {path.name}")
    try:
        run_through(loader(path))
    except (Exception, SystemExit) as error:  # the model's own code
        raise ModelLoadError(
            f"{source}: {LOADER}({path.name!r}) failed: {type(error).__name__}: {error}"
        ) from error
