"""From a model's URI to a folder of this machine that holds the model."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelport.contract.errors import ModelLoadError
from modelport.sources.mlflow.store import (
    is_missing,
    local_path,
    mlflow_module,
    one_line,
    while_growing,
    within,
)
from modelport.sources.mlflow.uris import SCHEME, ModelUri


@dataclass(frozen=True)
class Fetched:
    """A model's folder. `about` says what was found: its URI, and the version, run and id where known."""

    folder: Path
    about: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class _Place:
    """What MLflow downloads, where that really lies, and what is known of it."""

    uri: str
    location: str
    about: dict[str, str]


def fetched(uri: ModelUri) -> Fetched:
    """The model's folder; one that lies in a local store is used where it is.

    A copy is removed when this process ends, or with the worker's temporary files. Raises
    `ModelLoadError` for a model that is not there, and a store that cannot be reached in time.
    """
    what = f"{SCHEME}{uri.text}"
    with one_line(what):
        mlflow = mlflow_module()
        place = within(what, lambda: _place(mlflow, uri))
        local = local_path(place.location)
        if local is not None:
            if not local.exists():
                missing = f"the run has no model {uri.path!r}" if uri.run else "its files are gone"
                raise ModelLoadError(f"{what}: {missing} (there is no {local})")
            return Fetched(local.absolute(), place.about)
        folder = Path(tempfile.mkdtemp(prefix="mlflow-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)

        def download() -> str:
            return mlflow.artifacts.download_artifacts(artifact_uri=place.uri, dst_path=str(folder))

        return Fetched(Path(while_growing(what, download, folder)).absolute(), place.about)


def _place(mlflow: Any, uri: ModelUri) -> _Place:
    client = mlflow.MlflowClient()
    if uri.run:
        return _of_run(client, uri)
    if uri.logged:
        return _of_logged(client.get_logged_model(uri.logged), {})
    return _of_version(client, _version(client, uri))


def _version(client: Any, uri: ModelUri) -> Any:
    if uri.alias:
        return client.get_model_version_by_alias(uri.name, uri.alias)
    if uri.version.isdecimal():
        return client.get_model_version(uri.name, uri.version)
    found = [
        version
        for version in client.search_model_versions(f"name = '{uri.name}'")
        if uri.version == "latest" or str(version.current_stage).lower() == uri.version.lower()
    ]
    if not found:
        client.get_registered_model(uri.name)  # whose error is better where not even that is there
        raise ModelLoadError(
            f"{SCHEME}{uri.text}: the model {uri.name!r} has no version {uri.version!r}; write a number, "
            "`latest`, or @ALIAS"
        )
    return max(found, key=lambda version: int(version.version))


def _of_version(client: Any, version: Any) -> _Place:
    about = {
        "uri": f"models:/{version.name}/{version.version}",
        "registered_model": str(version.name),
        "version": str(version.version),
        "run_id": str(version.run_id or ""),
    }
    if str(version.source).startswith("models:/m-"):
        return _of_logged(client.get_logged_model(str(version.source).removeprefix("models:/")), about)
    location = str(client.get_model_version_download_uri(version.name, str(version.version)))
    return _Place(about["uri"], location, about)


def _of_logged(model: Any, about: dict[str, str]) -> _Place:
    uri = f"models:/{model.model_id}"
    known = {"uri": uri, "model_id": str(model.model_id), "run_id": str(model.source_run_id or "")}
    return _Place(about.get("uri", uri), str(model.artifact_location), known | about)


def _of_run(client: Any, uri: ModelUri) -> _Place:
    """MLflow 3 keeps the models of runs apart, by their names; before, they were artifacts of the run."""
    run = client.get_run(uri.run)
    for model in _logged_by(client, run):
        if model.name == uri.path:
            return _of_logged(model, {"uri": uri.text})
    location = f"{str(run.info.artifact_uri).rstrip('/')}/{uri.path}"
    return _Place(uri.text, location, {"uri": uri.text, "run_id": uri.run})


def _logged_by(client: Any, run: Any) -> list[Any]:
    """The logged models of a run, the newest first."""
    try:
        found = client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
        )
    except Exception as error:  # a server of MLflow 2 has none
        if not is_missing(error):
            raise
        return []
    return sorted(found, key=lambda model: -int(model.creation_timestamp or 0))
