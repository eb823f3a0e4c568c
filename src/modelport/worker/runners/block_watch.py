"""Who blocks the event loop of a worker: said in the log, with where it is, while it still does."""

from __future__ import annotations

import logging
import sys
import threading
import traceback

from modelport.worker.cancellation import RunningCall
from modelport.worker.model_frames import OURS

BLOCKED_SECONDS = 1.0
MAX_FRAMES = 20

log = logging.getLogger("modelport")


class BlockWatch:
    """A thread that looks, while calls run, whether one step of one call takes too long.

    `start` it; `busy` and `idle` tell it whether there are calls; `end` ends it.
    """

    def __init__(self, running: RunningCall):
        self._running = running
        self._watched = 0  # the thread of the event loop
        self._busy = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="modelport block watch", daemon=True)

    def start(self) -> None:
        """Watch the event loop of the thread that calls this."""
        self._watched = threading.get_ident()
        self._thread.start()

    def busy(self) -> None:
        """There are calls."""
        self._busy.set()

    def idle(self) -> None:
        """There are none."""
        self._busy.clear()

    def end(self) -> None:
        """Watch no more."""
        self._ended.set()
        self._busy.set()
        self._thread.join()

    def _look(self) -> None:
        last = said = (0, 0)
        while not self._ended.is_set():
            self._busy.wait()
            now = self._running.step
            if now[0] and now == last and now != said:
                said = now
                self._say(now[0])
            last = now
            self._ended.wait(BLOCKED_SECONDS)

    def _say(self, call_id: int) -> None:
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - there is no other way
        stack = traceback.extract_stack(frames.get(self._watched))
        ours = [number for number, step in enumerate(stack) if step.filename.startswith(OURS)]
        own = stack[ours[-1] + 1 if ours and ours[-1] + 1 < len(stack) else 0 :]
        where = "".join(traceback.format_list(own[-MAX_FRAMES:]))
        said = "call %x keeps the event loop for more than %g s, and with it all other calls; it is at:\n%s"
        log.warning(said, call_id, BLOCKED_SECONDS, where)
