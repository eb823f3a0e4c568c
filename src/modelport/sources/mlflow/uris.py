"""The models of MLflow that a source string can name, read without MLflow.

mlflow:models:/NAME/VERSION    a version of a registered model
mlflow:models:/NAME@ALIAS      the version that an alias points at
mlflow:models:/m-ID            a logged model of MLflow 3
mlflow:runs:/RUN_ID/PATH       a model that a run has logged
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec

from modelport.contract.errors import ModelLoadError

SCHEME = "mlflow:"
LOGGED = re.compile(r"models:/(?P<id>m-[A-Za-z0-9-]+)")
REGISTERED = re.compile(r"models:/(?P<name>[^/:@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")
RUN = re.compile(r"runs:/(?P<run>[A-Za-z0-9][\w-]*)/(?P<path>[^?#%\\]+)")
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
MAX_NAME = 128
FORMS = "write mlflow:models:/NAME/VERSION, mlflow:models:/NAME@ALIAS or mlflow:runs:/RUN_ID/PATH"


@dataclass(frozen=True)
class ModelUri:
    """What a URI names. Either `logged` (an id), `name` with `version` or `alias`, or `run` with `path`."""

    text: str
    logged: str = ""
    name: str = ""
    version: str = ""
    alias: str = ""
    run: str = ""
    path: str = ""

    @property
    def model_name(self) -> str:
        """What the model is called where nobody names it: only letters, digits, `.`, `_` and `-`."""
        said = self.name or self.logged or self.path.rpartition("/")[2]
        return NOT_IN_NAMES.sub("-", said).strip("-._")[:MAX_NAME] or "model"


def parse_uri(text: str) -> ModelUri:
    """Read what follows `mlflow:`. Raises `ModelLoadError` for anything that names no model."""
    logged = LOGGED.fullmatch(text)
    if logged is not None:
        return ModelUri(text, logged=logged["id"])
    registered = REGISTERED.fullmatch(text)
    if registered is not None:
        version, alias = registered["version"] or "", registered["alias"] or ""
        return ModelUri(text, name=registered["name"], version=version, alias=alias)
    run = RUN.fullmatch(text)
    if run is not None:
        path = run["path"].strip("/")
        if path and not {"", ".", ".."} & set(path.split("/")):
            return ModelUri(text, run=run["run"], path=path)
    raise ModelLoadError(f"{SCHEME}{text}: it names no model of MLflow; {FORMS}")


def check_mlflow(source: str) -> None:
    """Raise `ModelLoadError` with what to install if MLflow is not there. It is not imported."""
    if find_spec("mlflow") is None:
        raise ModelLoadError(f"{source}: MLflow is not installed: pip install 'modelport[mlflow]'")
