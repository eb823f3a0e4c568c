"""The finished runs of an experiment of MLflow.

Metrics are their last values. The performance is the artifact `performance.json` of the run, else it is made
of the metrics by their names. The model is the last one that the run has logged.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.runs.records import NewRun
from modelport.runs.values import Unreadable, nested, numbers, read_json, seed_of, typed
from modelport.sources.mlflow.store import is_missing, local_path, mlflow_module, one_line, shown
from modelport.sources.mlflow.uris import SCHEME
from modelport.sources.near_names import did_you_mean

FINISHED = "attributes.status = 'FINISHED'"
MAX_RUNS = 100_000
PAGE = 1000
WHOLE = 50_000  # the largest page: a store in a folder reads all of its runs for each page
THREADS = 8  # that ask a server for artifacts
PERFORMANCE = "performance.json"
MAX_BYTES = 8 << 20  # of that artifact
HISTORY = "mlflow.log-model.history"  # where MLflow 2 keeps what a run has logged
PYTHON = re.compile(r"^\s*python_version: '?([0-9][\w.+-]*)", re.MULTILINE)
MLMODEL_BYTES = 1 << 20


def read_experiment(text: str, model: str, warnings: list[str]) -> list[NewRun]:
    """The finished runs of the experiment that `mlflow:EXPERIMENT` names or numbers, the newest first.

    Raises `ModelLoadError` for an experiment that is not there, and a store that cannot be read.
    """
    with one_line(text):
        mlflow = mlflow_module()
        client = mlflow.MlflowClient()
        experiment = _experiment(client, text)
        page = WHOLE if local_path(str(mlflow.get_tracking_uri())) is not None else PAGE
        runs = list(_pages(partial(
            client.search_runs, [experiment], FINISHED, max_results=page,
            order_by=["attributes.start_time DESC"],
        )))  # fmt: skip
        if len(runs) > MAX_RUNS:
            warnings.append(f"{text}: it has {len(runs)} runs; the newest {MAX_RUNS} are taken")
            runs = runs[:MAX_RUNS]
        logged = _logged_models(client, experiment)
        performances = _performances(client, runs, warnings)
    return [_run(run, model, logged.get(run.info.run_id), performances.get(run.info.run_id)) for run in runs]


def _experiment(client: Any, text: str) -> str:
    """The id of the experiment. Raises `ModelLoadError`."""
    name = text.removeprefix(SCHEME)
    found: Any = client.get_experiment_by_name(name) if name else None
    if found is None and name.isdecimal():
        try:
            found = client.get_experiment(name)
        except Exception as error:  # stores have errors of their own; that there is none is said below
            if not is_missing(error):
                raise
    if found is None:
        known = [str(one.name) for one in client.search_experiments(max_results=100)]
        listed = ", ".join(known[:10]) or "none"
        raise ModelLoadError(
            f"{text}: there is no experiment {name!r}{did_you_mean(name, known)} (there are: {listed})"
        )
    if found.lifecycle_stage != "active":
        raise ModelLoadError(f"{text}: this experiment is deleted; restore it in MLflow first")
    return str(found.experiment_id)


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    token: str | None = None
    taken = 0
    while taken <= MAX_RUNS:
        found = search(page_token=token)
        yield from found
        taken += len(found)
        token = found.token or None
        if token is None:
            return


def _logged_models(client: Any, experiment: str) -> dict[str, Any]:
    """The last logged model of each run. MLflow keeps them apart since its version 3."""
    try:
        models = list(_pages(partial(client.search_logged_models, [experiment])))
    except Exception as error:  # a server of MLflow 2 has none
        if not is_missing(error):
            raise
        return {}
    found: dict[str, Any] = {}
    for model in sorted(models, key=lambda one: int(one.creation_timestamp or 0)):
        if model.source_run_id and str(getattr(model.status, "name", model.status)) == "READY":
            found[str(model.source_run_id)] = model
    return found


def _run(run: Any, model: str, logged: Any, performance: dict[str, Any] | None) -> NewRun:
    tags: dict[str, str] = run.data.tags
    params = {str(name): typed(str(value)) for name, value in run.data.params.items()}
    metrics = numbers(run.data.metrics)
    saved, python = _saved(run, logged, tags)
    known = {"python": python, "source": tags.get("mlflow.source.name", "")}
    return NewRun(
        id=str(run.info.run_id),
        model=model,
        source="mlflow",
        name=str(run.info.run_name or ""),
        started_at=_seconds(run.info.start_time),
        finished_at=_seconds(run.info.end_time),
        params=params,
        metrics=metrics,
        performance=nested(metrics) if performance is None else performance,
        saved=saved,
        environment={key: value for key, value in known.items() if value},
        code_version=tags.get("mlflow.source.git.commit", ""),
        seed=seed_of(params),
    )


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if milliseconds else None


# -- the model ---------------------------------------------------------------------------------------


def _saved(run: Any, logged: Any, tags: dict[str, str]) -> tuple[str, str]:
    """The source of the run's model, and the version of Python that made it; empty where not known."""
    if logged is not None:
        return f"{SCHEME}models:/{logged.model_id}", _python_of(str(logged.artifact_location or ""))
    try:
        history: Any = json.loads(tags.get(HISTORY, "[]"))
        last = cast("dict[str, Any]", history[-1])
        path = str(last["artifact_path"])
        flavors: dict[str, dict[str, Any]] = last.get("flavors") or {}
        python = str(flavors.get("python_function", {}).get("python_version") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""  # it has none; or the tag is not MLflow's own
    return f"{SCHEME}runs:/{run.info.run_id}/{path}", python


def _python_of(location: str) -> str:
    """What `MLmodel` says; only where it lies on this machine: it is not worth a request for each run."""
    local = local_path(location)
    if local is None:
        return ""
    try:
        with (local / "MLmodel").open("rb") as file:
            found = PYTHON.search(file.read(MLMODEL_BYTES).decode("utf-8", "replace"))
    except OSError:
        return ""
    return found[1] if found else ""


# -- the performance ---------------------------------------------------------------------------------


def _performances(client: Any, runs: list[Any], warnings: list[str]) -> dict[str, dict[str, Any]]:
    """The performance of each run that has it as an artifact. One that cannot be read is a warning."""
    with ThreadPoolExecutor(THREADS) as threads:
        texts = list(threads.map(partial(_text, client), runs))
    found: dict[str, dict[str, Any]] = {}
    for run, text in zip(runs, texts, strict=True):
        if text is None:
            continue
        try:
            if isinstance(text, Unreadable):
                raise text
            found[run.info.run_id] = read_json(text)
        except Unreadable as error:
            warnings.append(
                f"run {run.info.run_id}: its artifact {PERFORMANCE}: {error}; its metrics are taken instead"
            )
    return found


def _text(client: Any, run: Any) -> bytes | Unreadable | None:
    """The artifact, `None` if there is none; the reason if it cannot be had."""
    local = local_path(str(run.info.artifact_uri))
    try:
        if local is None:
            return _downloaded(client, run.info.run_id)
        path = local / PERFORMANCE
        if not path.is_file():
            return None
        if not path.resolve().is_relative_to(local.resolve()):
            return Unreadable("it is a link to a file outside of its run")
        return _bounded(path)
    except Exception as error:  # stores of artifacts and their drivers raise what they like
        return Unreadable(f"it cannot be read: {shown(str(error)[:200])}")


def _downloaded(client: Any, run_id: str) -> bytes | Unreadable | None:
    listed = next((one for one in client.list_artifacts(run_id) if one.path == PERFORMANCE), None)
    if listed is None:
        return None
    if (listed.file_size or 0) > MAX_BYTES:
        return Unreadable(f"it is over {MAX_BYTES >> 20} MiB")
    with tempfile.TemporaryDirectory(prefix="mlflow-") as folder:
        return _bounded(Path(client.download_artifacts(run_id, PERFORMANCE, folder)))


def _bounded(path: Path) -> bytes | Unreadable:
    with path.open("rb") as file:
        text = file.read(MAX_BYTES + 1)
    return text if len(text) <= MAX_BYTES else Unreadable(f"it is over {MAX_BYTES >> 20} MiB")
