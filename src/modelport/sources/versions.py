"""A version of a model: what one of its trainings has saved, loaded in the worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.deepaas_modules import provide_deepaas_modules
from modelport.sources.mlflow.uris import SCHEME
from modelport.sources.python import load_object
from modelport.sources.source import Source

LOADER = "load_model"  # what a model's own code may have to load what its trainings save


def load_version(source: Source, problems: list[str]) -> tuple[Any, ModelOptions]:
    """The model that `source.saved` holds, and the options with what is recorded of it.

    Code that has `load_model(path)` loads it by that, and is served itself; otherwise what was saved must be
    a model file. Raises `ModelLoadError` with the reason.
    """
    in_mlflow = source.saved.startswith(SCHEME)
    if not source.is_saved and not in_mlflow:
        base = load_object(replace(source, saved=""))
        loader = getattr(base, LOADER, None)
        if callable(loader):
            _load_by(loader, source)
            return base, source.options
    provide_deepaas_modules()  # a pickled model may have been written for DEEPaaS
    if in_mlflow:
        from modelport.sources.mlflow.loading import load_mlflow

        return load_mlflow(source.saved.removeprefix(SCHEME), source.options, problems)
    from modelport.sources.files.loading import load_file

    return load_file(source.saved, source.options, problems), source.options


def _load_by(loader: Any, source: Source) -> None:
    path = Path(source.saved)
    if not path.exists():
        raise ModelLoadError(f"{source}: what its training saved is missing: {path.name}")
    try:
        loader(path)
    except (Exception, SystemExit) as error:  # the model's own code
        raise ModelLoadError(
            f"{source}: {LOADER}({path.name!r}) failed: {type(error).__name__}: {error}"
        ) from error
