"""What a model may say, and ask, while a job runs it: `modelport.current_job()`."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol, cast

from modelport.contract.plain import plain

PICKLED = "model.pkl"
REFERENCE = "modelport-reference.json"  # the artifact of a training that reports on drift compare with
# The report that the code has asked for its job, and so may look whether to stop.
KNOWS_JOB: Final = "knows-job"
# The report that something goes on which the job has started: its process is fit for no other job.
LEFT: Final = "left"
ReportType = Literal[
    "knows-job", "left", "progress", "metric", "artifact", "model", "performance", "environment"
]


class JobReporter(Protocol):
    """Where a job's reports go, and what is known of it."""

    id: str
    attempt: int

    @property
    def checkpoint_dir(self) -> Path: ...

    @property
    def artifact_dir(self) -> Path: ...

    def report(self, type: ReportType, data: dict[str, Any]) -> None:
        """Report something. Whatever the values are, that fails no job."""
        ...

    def is_cancelled(self) -> bool: ...


class CurrentJob:
    """The job that runs this code. Outside a job everything works and nothing is recorded."""

    def __init__(self, reporter: JobReporter | None = None):
        self._reporter = reporter
        self._own_dir: Path | None = None

    @property
    def id(self) -> str:
        """The job's id; empty outside a job."""
        return self._reporter.id if self._reporter else ""

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1; 0 outside a job."""
        return self._reporter.attempt if self._reporter else 0

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to stop. Code that looks can end in order; other code is ended."""
        return self._reporter is not None and self._reporter.is_cancelled()

    @property
    def checkpoint_dir(self) -> Path:
        """A folder that outlives the attempt: a later attempt of the job finds there what this one left."""
        if self._reporter is not None:
            return self._reporter.checkpoint_dir
        if self._own_dir is None:
            self._own_dir = Path(tempfile.mkdtemp(prefix="modelport-checkpoints-"))
        return self._own_dir

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the work is: `done` of `total` steps, if the total is known.

        Raises `ValueError` for numbers that are not finite or negative.
        """
        numbers = [_finite("done", done)] + ([_finite("total", total)] if total is not None else [])
        if min(numbers) < 0:
            raise ValueError("progress: done and total must not be negative")
        if self._reporter is not None:
            of = numbers[1] if total is not None else None
            self._reporter.report("progress", {"done": numbers[0], "total": of, "message": message})

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number, such as a loss. A value may be NaN or infinite: that, too, is worth knowing.

        Raises `ValueError` or `TypeError` for what is no number, or one that is too large for a float.
        """
        if not name or not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("log_metric: the name must be a text that is not empty")
        number = _number(f"log_metric: {name!r}", value)
        if self._reporter is not None:
            data = {"name": name, "value": number, "step": None if step is None else int(step)}
            self._reporter.report("metric", data)

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record several numbers of one step."""
        for name, value in values.items():
            self.log_metric(name, value, step)

    def artifact(self, path: str | Path, name: str | Path | None = None) -> Path:
        """Keep a file or a folder with the job, under `name` or its own; returns where it is kept.

        It is copied at once, so that later changes of it do not matter. Raises `OSError` if it cannot be read
        or kept, and nothing of it is there then; and `ValueError` for a name that leads out of the job.
        """
        source = Path(path)
        if self._reporter is None:
            return source
        return _keep(source, name or source.name, self._reporter)

    def save_model(self, model: Any, name: str | Path | None = None) -> Path:
        """Keep the model that a training has made: it can be served as a version of the model.

        `model` is the path of what was saved (a file or a folder), or an object, which is pickled. It is kept
        under `name` or its own; the last one that a job saves is the job's. Code that has `load_model(path)`
        gets the path that is returned here; otherwise it must be a model file. Raises `OSError` if it cannot
        be read or kept, and `ValueError` for a name that leads out of the job.
        """
        if self._reporter is None:
            return Path(model) if isinstance(model, str | Path) else Path(name or PICKLED)
        kept = keep_model(model, name, self._reporter)
        relative = kept.relative_to(self._reporter.artifact_dir).as_posix()
        self._reporter.report("model", {"path": relative})
        return kept

    def log_performance(self, performance: Mapping[str, Any]) -> None:
        """Record how good the model is: a nested dictionary such as `{"overall": {"f1": 0.9}, "class": …}`.

        What it says in the end counts, and comes before what `train` returns. What is no text, number, list
        or dictionary stands there as in an answer. Raises `ValueError` if it is no dictionary.
        """
        if not isinstance(performance, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"log_performance: {type(performance).__name__} is no dictionary")
        if self._reporter is not None:
            self._reporter.report("performance", {"performance": performance})

    def reference(self, inputs: Any, answers: Any = None) -> None:
        """Record what this training was made with: reports on drift compare predictions of its version with
        it.

        `inputs` is a table of the columns that predictions are asked for with: a DataFrame, a list of
        dictionaries, a dictionary of lists, an array. `answers` are what the model answers to such inputs, or
        the targets. Of more than 10,000 rows a sample is kept, as an artifact of the job. Raises `TypeError`
        for what has no form in JSON.
        """
        if self._reporter is not None:
            from modelport.contract.recorded_reference import written

            with tempfile.TemporaryDirectory(prefix="modelport-reference-") as folder:
                _keep(written(inputs, answers, Path(folder) / REFERENCE), REFERENCE, self._reporter)


def _keep(source: Path, name: str | Path, reporter: JobReporter) -> Path:
    from modelport.contract.kept_files import keep_file, keep_folder, sync_names

    text = str.__str__(os.fspath(name))  # subclasses of text are no names that a path takes
    inner = Path(text)
    if inner.is_absolute() or ".." in inner.parts or not inner.parts or "\0" in text:
        raise ValueError(f"artifact: {text!r} is no name inside the job")
    top = reporter.artifact_dir
    kept = top / inner
    kept.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        if top.resolve().is_relative_to(source.resolve()):
            raise ValueError(f"artifact: {source} holds the artifacts themselves")
        files = keep_folder(source, kept, top)
    else:
        files = [keep_file(source, kept)]
    for folder in {file.parent for file in files}:
        sync_names(folder, top)
    for file in files:
        relative = file.relative_to(top).as_posix()
        reporter.report("artifact", {"path": relative, "size": file.stat().st_size})
    return kept


def keep_model(model: Any, name: str | Path | None, reporter: JobReporter) -> Path:
    """Put a model among the artifacts of a job, in the folder `model`; returns where it is."""
    if isinstance(model, str | Path):
        source = Path(model)
        return _keep(source, f"model/{name or source.resolve().name}", reporter)
    import cloudpickle  # pyright: ignore[reportMissingTypeStubs]

    with tempfile.TemporaryDirectory(prefix="modelport-model-") as folder:
        source = Path(folder) / PICKLED
        with source.open("wb") as file:
            cast("Any", cloudpickle).dump(model, file)
        return _keep(source, f"model/{name or PICKLED}", reporter)


def _number(what: str, value: Any) -> float:
    try:
        return _float(what, value)
    except TypeError:
        if value is None or plain(value) is not None:
            raise
        return math.nan  # a number that is missing, such as pandas' NA


def _float(what: str, value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{what} is too large for a float, which ends at 1.8e308") from None


def _finite(what: str, value: float) -> float:
    number = _float(f"progress: {what}", value)
    if not math.isfinite(number):
        raise ValueError(f"progress: {what} is {number}")
    return number


_outside = CurrentJob()
_current: CurrentJob = _outside
_on_first_use: Callable[[], None] | None = None


def current_job() -> CurrentJob:
    """The job that runs this code, or an object on which all of it does nothing."""
    global _on_first_use
    tell, _on_first_use = _on_first_use, None
    if tell is not None:
        tell()
    return _current


def set_current_job(
    reporter: JobReporter, on_first_use: Callable[[], None] | None = None
) -> Callable[[], None]:
    """Make `current_job()` report to `reporter`, and call `on_first_use` once when somebody asks for it.

    Returns what undoes it.
    """
    global _current, _on_first_use
    _current, _on_first_use = CurrentJob(reporter), on_first_use

    def undo() -> None:
        global _current, _on_first_use
        _current, _on_first_use = _outside, None

    return undo
