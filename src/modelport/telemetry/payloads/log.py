"""The payload log of a server: some predictions are handed to a process that keeps them, and never waited
for.

What can go wrong, and what is done:

- *More come than are written.* The queue has bounds, in number and bytes; what is over them is dropped and
  counted.
- *The keeper dies*, as of a payload that is made for it. It is started again, and what it was told last is
  lost.
- *The keeper hangs*. What takes no message for `HUNG_SECONDS` is killed, and as above.
- *The server is killed*. What was handed over is written: the keeper ends when its socket closes, after
  reading all.
- *The disk is full*. The keeper counts what it could not write, and says so once a minute.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

from modelport.contract.calls import GIVEN_UP, Answer, Call
from modelport.engine.ports import Observer, Pool
from modelport.home import expanded
from modelport.settings import Settings
from modelport.settings.folders import store_name
from modelport.settings.written import seconds_of, size_of
from modelport.telemetry.payloads import messages as wire
from modelport.telemetry.payloads.keeper_process import END_SECONDS, KeeperProcess
from modelport.telemetry.payloads.sampling import Rules, Sampler, Taken

log = logging.getLogger("modelport.payloads")

FOLDER = "payloads"  # in the data folder
MOST_WAITING = 1024
MOST_BYTES = 32 << 20
MOST_OPEN = 64  # files of requests, until what is in them was handed over
AGAIN_SECONDS = 2.0  # from one start of a keeper that has died to the next
SAY_SECONDS = 60.0

Question: TypeAlias = "wire.Feedback | wire.Prune | wire.State | wire.Closed"


class PayloadsUnavailable(Exception):
    """The payload log cannot be asked, for this reason."""


def payload_folder(settings: Settings, data_folder: Path) -> Path:
    """Where the payload log of a server lies; of several servers of one database, that of the first."""
    return expanded(settings.payload_dir) if settings.payload_dir else data_folder / FOLDER


class PayloadLog:
    """The payload log of one server. `begin` it, give it to the engine as its `call_log`, and `close` it."""

    def __init__(self, settings: Settings, data_folder: Path, request_id: Callable[[int], str]):
        self._first = self.folder = payload_folder(settings, data_folder)  # `state` tells which it is
        self.is_one_of_several = settings.server_processes > 1 or bool(
            settings.database_url and not settings.payload_dir
        )
        self._settings = settings
        self._request_id = request_id
        self._most = size_of(settings.payload_max_size)
        self._queue: queue.SimpleQueue[Taken | Question | None]
        self._queue = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._asked: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._open = 0
        self._waiting = 0
        self._bytes = 0
        self.dropped = 0  # for want of room
        self.lost = 0  # with the keeper
        self._said_at = -inf
        self._heard, self._heard_at = "", -inf
        self._sent = self._handled = 0  # of the keeper there is
        self._is_closed = False
        self._keeper: KeeperProcess | None = None
        self._started_at = -inf

    def share(self, model: str) -> float:
        """The share of the predictions of a model that is kept."""
        return self._settings.of(model).log_payloads

    # -- on the event loop -------------------------------------------------------------------------

    def of_pool(self, pool: Pool) -> Observer | None:
        """See `CallLog`."""
        share = pool.settings.log_payloads
        if not share:
            return None
        rules = Rules(pool.name, pool.version, pool.settings.payload_hide, self._most)
        return Sampler(share, rules, self, self._request_id)

    def of_job(self, live: Pool, call: Call, job_id: str) -> Callable[[Answer], None] | None:
        """See `CallLog`. Its version is told if it is the one that is live."""
        share = live.settings.log_payloads
        if random.random() >= share or call.batch is not None:
            return None
        version = live.version if call.saved in (None, live.source.saved) else None
        taken = Taken(call, job_id, Rules(live.name, version, live.settings.payload_hide, self._most))

        def on_answer(answer: Answer) -> None:
            with self._lock:
                self._open += taken.open_files(
                    MOST_OPEN - self._open
                )  # what it was sent is there till its end
            self.keep(taken, answer)

        return on_answer

    def take(self, call: Call, request_id: str, rules: Rules) -> Taken | None:
        """See `Keeping`."""
        if self._waiting >= MOST_WAITING or self._bytes >= MOST_BYTES:
            self._drop()
            return None
        taken = Taken(call, request_id, rules)
        opened = taken.open_files(MOST_OPEN - self._open)
        if opened:
            with self._lock:
                self._open += opened
        return taken

    def keep(self, taken: Taken, answer: Answer) -> None:
        """See `Keeping`. What nobody waits for any more is not kept."""
        taken.end(answer)
        is_full = self._waiting >= MOST_WAITING or self._bytes >= MOST_BYTES
        if is_full or answer.status == GIVEN_UP or self._is_closed:
            with self._lock:
                self._open -= taken.files_open
            taken.let_go()
            if is_full:
                self._drop()
            return
        with self._lock:
            self._waiting += 1
            self._bytes += taken.held
        self._put(taken)

    def _put(self, what: Taken | Question) -> None:
        if self._thread is None and not self._is_closed:
            self.begin()
        self._queue.put(what)

    def _drop(self) -> None:
        self.dropped += 1
        now = monotonic()
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            log.warning("the payload log cannot keep up: %d predictions are not in it", self.dropped)

    def begin(self) -> None:
        """Start what writes, if it is not there; what is too old is removed then."""
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="modelport payloads", daemon=True)
            self._thread.start()

    def is_kept(self) -> bool:
        """Whether there is anything to keep, or to tell of."""
        models = self._settings.models
        is_wanted = self._settings.log_payloads or any(self.share(model) for model in models)
        return bool(is_wanted) or self.folder.is_dir()

    # -- questions ---------------------------------------------------------------------------------

    def feedback(
        self, model: str, truths: Sequence[wire.Truth], by: str | None, giver: str
    ) -> Future[dict[str, Any]]:
        """Keep what answers should have been; the ids by what became of each, as `Kept` has them."""
        return self._ask(lambda number: wire.Feedback(number, model, truths, by, giver))

    def prune(self, model: str | None, before: float) -> Future[dict[str, Any]]:
        """Remove what was kept before; how many `files` and `bytes` that were."""
        return self._ask(lambda number: wire.Prune(number, before, model))

    def state(self) -> Future[dict[str, Any]]:
        """How much there is; after it, all that was handed over before can be read."""
        return self._ask(wire.State)

    def closed(self, *, truths: bool = False) -> Future[dict[str, Any]]:
        """The files of the log that nothing is added to any more, and how many truths are known of each."""
        return self._ask(lambda number: wire.Closed(number, truths))

    def _ask(self, message: Callable[[int], Question]) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            self._number += 1
            number = self._number
            self._asked[number] = future
        if self._is_closed:
            self._fail(number, "the server is stopping")
        else:
            self._put(message(number))
        return future

    def _taken(self, number: int) -> Future[dict[str, Any]] | None:
        """The future of a question, which nobody can cancel any more; `None` if nobody waits for it."""
        with self._lock:
            future = self._asked.pop(number, None)
        return future if future is not None and future.set_running_or_notify_cancel() else None

    def _fail(self, number: int, why: str) -> None:
        future = self._taken(number)
        if future is not None:
            future.set_exception(PayloadsUnavailable(why))

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        while (what := self._queue.get()) is not None:
            if isinstance(what, Taken):
                self._write(what)
                continue
            try:
                self._send(what)
            except OSError as error:
                self._fail(what.number, f"the payload log cannot be kept: {error}")
            except Exception as error:  # the border of the thread: what has no form to be sent in, as 2**64
                log.exception("the payload log could not be asked")
                self._fail(what.number, f"the payload log cannot be asked that: {error}")
        if self._keeper is not None:
            self._keeper.end()

    def _write(self, taken: Taken) -> None:
        with self._lock:
            self._open -= taken.files_open
        try:
            self._send(taken.sample())
        except OSError as error:
            self._lose(1, str(error))
        except Exception:  # the border of the thread: what cannot be sent, such as text that UTF-8 has not
            self.lost += 1
            log.exception("%s could not be handed to the payload log", taken.request_id)
        finally:
            with self._lock:
                self._waiting -= 1
                self._bytes -= taken.held

    def _send(self, message: wire.Message) -> None:
        if self._keeper is None or not self._keeper.is_there():
            self._start()
        assert self._keeper is not None
        self._keeper.send(message)
        self._sent += isinstance(message, wire.Sample)

    def _start(self) -> None:
        if self._keeper is not None:
            self._keeper.end(at_once=True)
            self._keeper = None
            self._lose(self._sent - self._handled, "its keeper has ended")
            self._sent = self._handled = 0
        if monotonic() - self._started_at < AGAIN_SECONDS:
            raise OSError("its keeper has died, and is started again in a moment")
        self._started_at = monotonic()
        settings = self._settings
        rules = wire.Rules(
            folder=str(self._first.absolute()),
            format=settings.payload_format,
            max_size=self._most,
            file_size=size_of(settings.payload_file_size),
            keep_size=size_of(settings.payload_keep_size),
            keep_seconds=seconds_of(settings.payload_keep),
            store=store_name(settings.database_url) if self.is_one_of_several else "",
            before=str(self.folder.absolute()),
            file_seconds=seconds_of(settings.payload_file_time) if settings.files_url else 0.0,
        )
        self._keeper = KeeperProcess(self._on_told, lambda: self._fail_all("its keeper has ended"))
        self._keeper.send(rules)

    def _lose(self, count: int, why: str) -> None:
        """So many predictions, at most, were handed over and not written."""
        self.lost += count
        if not count:
            return
        now = monotonic()
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            log.warning("the payload log has lost %d predictions: %s", self.lost, why)

    def _fail_all(self, why: str) -> None:
        for number in list(self._asked):
            self._fail(number, why)

    def _on_told(self, told: wire.Told) -> None:
        """The keeper has said something: in a thread of its own."""
        if isinstance(told, wire.Said):
            now = monotonic()
            if told.words != self._heard or now - self._heard_at >= SAY_SECONDS:
                self._heard, self._heard_at = told.words, now
                log.warning("%s", told.words)
        elif isinstance(told, wire.Handled):
            self._handled = told.count
        elif isinstance(told, wire.Chosen):
            self._take(Path(told.folder))
        elif told.error:
            self._fail(told.number, told.error)
        else:
            future = self._taken(told.number)
            if future is not None:
                future.set_result(told.found)

    def _take(self, folder: Path) -> None:
        """The keeper keeps the log there."""
        if folder != self._first.absolute() and folder != self.folder:
            log.info("the payload log is kept in %s: other servers have the folders before it", folder)
        self.folder = folder

    def close(self) -> None:
        """Write what waits, for a few seconds at most, and keep no more. It blocks."""
        self._is_closed = True
        thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join(2 * END_SECONDS)
            if thread.is_alive() and self._keeper is not None:
                self._keeper.end(at_once=True)
        self._fail_all("the server is stopping")
