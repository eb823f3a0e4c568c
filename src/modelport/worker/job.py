"""The worker's side of a job: reports go to the server as they come, wishes come from it by a flag."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Timer
from time import monotonic
from typing import Any

from modelport.contract.current_job import KNOWS_JOB, LEFT, ReportType, current_job, set_current_job
from modelport.contract.kept_files import sync_names
from modelport.contract.reports import made_plain
from modelport.worker.cancellation import RunningCall
from modelport.worker.frames import FrameError, FrameSocket, JobOrder, Kind, Report
from modelport.worker.progress_bars import Bars
from modelport.worker.surroundings import Surroundings
from modelport.worker.whole_lines import WholeLines, keep_lines_whole

PROGRESS_SECONDS = 0.1  # of progress that follows faster only the last is reported: nobody could see it


class Reporter:
    """Sends what the job's code says. Any thread of the job may use it."""

    def __init__(self, order: JobOrder, channel: FrameSocket, running: RunningCall):
        self.id = order.job_id
        self.attempt = order.attempt
        self._folder = Path(order.folder)
        self._channel = channel
        self._running = running
        self._lock = Lock()
        self._last_progress = 0.0
        self._held: dict[str, Any] | None = None  # progress that was too soon to be sent
        self._timer: Timer | None = None  # sends it, if nothing follows
        self._is_over = False

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of checkpoints, made when somebody asks for it."""
        return self._made("checkpoints")

    @property
    def artifact_dir(self) -> Path:
        """The folder of artifacts, made when asked for. Raises `RuntimeError` once the job is over."""
        if self._is_over:
            raise RuntimeError(f"the job {self.id} is over, and keeps no more files")
        return self._made("artifacts")

    def _made(self, name: str) -> Path:
        """A folder of the job's. It is found after a power cut, before anything in it is told of."""
        place = self._folder / name
        if not place.is_dir():
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_names(place, self._folder.parents[2])  # the data folder
        return place

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
        if self._is_over:  # a thread that the job has left: its process may have another one by now
            return
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
        """Send what was held back; what is said later is left out."""
        with self._lock:
            timer = self._timer
            self._send_held()
            self._is_over = True
        if timer is not None:
            timer.cancel()
            timer.join()

    def is_cancelled(self) -> bool:
        """True once the server has asked the job to stop."""
        return self._running.asked_to_stop()


class Jobs:
    """The jobs of this process, one after the other, as `current_job()` and tqdm's bars show them."""

    def __init__(self, channel: FrameSocket, running: RunningCall):
        self._channel = channel
        self._running = running
        self._bars: Bars | None = None  # with what follows since the first job
        self._streams: list[WholeLines] = []
        self._surroundings: Surroundings | None = None

    def begin(self, order: JobOrder) -> tuple[Reporter, Callable[[], None]]:
        """Make this process run `order`. Returns what reports, and what ends that.

        After the end of one that is not the last of its process, all is as it was before the first.
        """
        reporter = Reporter(order, self._channel, self._running)
        undo = set_current_job(reporter, lambda: reporter.report(KNOWS_JOB, {}))
        if self._bars is None:
            self._bars = Bars()
            self._streams = keep_lines_whole()
        if order.stays and self._surroundings is None:
            self._surroundings = Surroundings()
        self._bars.reporter = reporter

        def end() -> None:
            self._end(reporter)
            undo()

        return reporter, end

    def _end(self, reporter: Reporter) -> None:
        assert self._bars is not None
        self._bars.reporter = None
        reporter.finish()
        for stream in self._streams:
            with contextlib.suppress(OSError, ValueError):  # its code has closed it
                stream.flush_all()
        if self._surroundings is not None:
            self._bars.forget()
            left = self._surroundings.restore()
            if left:
                self._channel.send(Kind.REPORT, Report(LEFT, {"what": left}))


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
