"""The worker's side of a job: reports go to the server as they come, wishes come from it by a flag."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from threading import Lock, Timer
from time import monotonic
from typing import Any

from modelport.contract.current_job import KNOWS_JOB, ReportType, current_job, set_current_job
from modelport.contract.reports import made_plain
from modelport.worker.cancellation import RunningCall
from modelport.worker.frames import FrameError, FrameSocket, JobOrder, Kind, Report
from modelport.worker.whole_lines import keep_lines_whole

PROGRESS_SECONDS = 0.1  # of progress that follows faster only the last is reported: nobody could see it


class Reporter:
    """Sends what the job's code says. Any thread of the job may use it."""

    def __init__(self, order: JobOrder, channel: FrameSocket, running: RunningCall):
        folder = Path(order.folder)  # the server has made it, with what is in it
        self.id = order.job_id
        self.attempt = order.attempt
        self.checkpoint_dir = folder / "checkpoints"
        self.artifact_dir = folder / "artifacts"
        self._channel = channel
        self._running = running
        self._lock = Lock()
        self._last_progress = 0.0
        self._held: dict[str, Any] | None = None  # progress that was too soon to be sent
        self._timer: Timer | None = None  # sends it, if nothing follows

    def report(self, type: ReportType, data: dict[str, Any]) -> None:
        """Send one report; progress that follows too fast waits a moment, for the next one to replace it.

        What is in it is made plain before. A report that cannot be sent costs a line in the log.
        """
        data = made_plain(data)
        with self._lock:
            if type == "progress":
                now = monotonic()
                is_last = data["total"] is not None and data["done"] >= data["total"]
                if now - self._last_progress < PROGRESS_SECONDS and not is_last:
                    self._hold(data)
                    return
                self._last_progress = now
                self._held = None
            self._send(type, data)

    def _send(self, type: ReportType, data: dict[str, Any]) -> None:
        try:
            self._channel.send(Kind.REPORT, Report(type, data))
        except FrameError as error:
            _say(f"what the job said of its {type} is left out: {error}")

    def _hold(self, data: dict[str, Any]) -> None:
        self._held = data
        if self._timer is None:
            timer = Timer(PROGRESS_SECONDS, self._send_late)
            timer.daemon = True
            with contextlib.suppress(RuntimeError):  # no thread can be had: the next report sends it
                timer.start()
                self._timer = timer

    def _send_late(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # the server may have gone
            self._timer = None
            self._send_held()

    def _send_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._last_progress = monotonic()
            self._send("progress", held)

    def finish(self) -> None:
        """Send what was held back."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._send_held()

    def is_cancelled(self) -> bool:
        """True once the server has asked the job to stop."""
        return self._running.asked_to_stop()


def begin_job(
    order: JobOrder, channel: FrameSocket, running: RunningCall
) -> tuple[Reporter, Callable[[], None]]:
    """Make this process run `order`: `current_job()` and tqdm bars report.

    Returns what reports, and what ends that.
    """
    reporter = Reporter(order, channel, running)
    undo = set_current_job(reporter, lambda: reporter.report(KNOWS_JOB, {}))
    watch_tqdm(reporter)
    streams = keep_lines_whole()

    def end() -> None:
        reporter.finish()
        for stream in streams:
            with contextlib.suppress(OSError, ValueError):  # its code has closed it
                stream.flush_all()
        undo()

    return reporter, end


def keep_returned_model(returned: Any) -> None:
    """Keep the file or folder whose path a training has returned as the model that it made.

    A folder that this process works in is none. The training is done: a model that cannot be kept costs a
    line in the log, and not the result.
    """
    path = _path_of(returned)
    if path is None:
        return
    try:
        current_job().save_model(path)
    except (OSError, ValueError) as error:
        _say(f"{str(path)!r}, which the training has returned, could not be kept as its model: {error}")


def _path_of(returned: Any) -> Path | None:
    """The file or folder that the text or the path names; `None` if that is any other text."""
    if not isinstance(returned, str | Path) or not str(returned):
        return None
    try:
        path = Path(returned).absolute()
        is_saved = path.is_file() or (path.is_dir() and not Path.cwd().is_relative_to(path.resolve()))
    except (OSError, ValueError):  # a text that no file can be called, or a place that may not be looked at
        return None
    return path if is_saved else None


def _say(text: str) -> None:
    """Write a line into the log of the job, if its code has left it one."""
    with contextlib.suppress(OSError, ValueError):
        print(f"modelport: {text}", file=sys.stderr)


def watch_tqdm(reporter: Reporter) -> None:
    """Turn tqdm's bars, now and whenever it is imported, into progress; what they draw is not printed."""
    if "tqdm.std" in sys.modules:
        _replace_display(sys.modules["tqdm.std"], reporter)
    else:
        sys.meta_path.insert(0, _TqdmFinder(reporter))


class _TqdmFinder:
    """Sees `tqdm.std` being imported."""

    def __init__(self, reporter: Reporter):
        self._reporter = reporter

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "tqdm.std":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            _replace_display(module, self._reporter)

        loader.exec_module = exec_module
        return spec


class _Nowhere:
    """What a bar writes to beside what it displays: the ends of lines that nobody began."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """There is nothing."""


def _replace_display(module: Any, reporter: Reporter) -> None:
    def display(bar: Any, msg: str | None = None, pos: int | None = None) -> bool:
        if not getattr(bar, "pos", 0):  # the outermost bar tells how far the job is
            words = str(getattr(bar, "desc", "") or "").removesuffix(": ")
            total = bar.total if isinstance(bar.total, (int, float)) else None
            reporter.report("progress", {"done": float(bar.n), "total": total, "message": words})
        return True

    def stay(bar: Any, n: int) -> None:
        """Nothing is drawn, so there is no line to go to."""

    original: Any = module.tqdm.__init__

    @wraps(original)
    def init(bar: Any, *args: Any, **options: Any) -> None:
        if options.get("disable", False) is None:  # "unless this is a terminal": here it is seen all the same
            options["disable"] = False
        original(bar, *args, **options)
        bar.fp = _Nowhere()

    module.tqdm.__init__ = init
    module.tqdm.display = display
    module.tqdm.moveto = stay
