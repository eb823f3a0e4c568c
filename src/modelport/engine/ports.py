"""What the rest of the house knows of engines: the ports behind which workers are placed.

An `Engine` has a `Pool` for each model and version; a pool takes calls and answers each of them once. A
`JobLauncher` starts the process of one job. An `Observer` sees the calls to a live model on their way. How
calls meet workers, and where those run, is the business of the engine behind the ports (`engine/local`).
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from modelport.contract.calls import Answer, Call
from modelport.contract.signature import CallVerb, Signature
from modelport.contract.traces import TakeLate
from modelport.engine.model_log import ModelLog
from modelport.engine.output import Output
from modelport.engine.pending import Deliver, Pending
from modelport.engine.seen import CallQueue, SeenWorker
from modelport.engine.spool import Spool
from modelport.engine.tally import Tally, VersionTally
from modelport.problems import Problem
from modelport.settings import Settings
from modelport.sources.source import Source
from modelport.worker.frames import Kind, Load


class PoolState(enum.StrEnum):
    """Where a model is in its life."""

    WAITING = "waiting"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    IDLE = "idle"  # nobody has asked it for a while: its workers have ended, and the next call starts them
    WAKING = "waking"  # that call has come
    UNLOADING = "unloading"  # somebody has said so: what runs ends, then the workers do
    UNLOADED = "unloaded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def answers(self) -> bool:
        """True if calls are answered, some of them once the model is loaded again."""
        return self in (PoolState.READY, PoolState.IDLE, PoolState.WAKING)

    @property
    def is_unloaded(self) -> bool:
        """True if somebody has said that it is not to be loaded."""
        return self in (PoolState.UNLOADING, PoolState.UNLOADED)

    @property
    def may_have_workers(self) -> bool:
        """False before the start, and after what has ended every worker for good."""
        gone = (PoolState.WAITING, PoolState.UNLOADED, PoolState.FAILED, PoolState.STOPPED)
        return self not in gone


ON_THE_WAY = (PoolState.LOADING, PoolState.WARMING, PoolState.WAKING)


class Refused(Problem):
    """A call that is not taken: why, and the seconds after which to try again."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None, *, queue_full: bool = False):
        self.retry_after = retry_after
        retry = [("Retry-After", str(retry_after))] if retry_after else []
        super().__init__(status, detail, retry, queue_full=queue_full)


class Observer(Protocol):
    """Sees the calls to a model on their way in. It must be quick: it runs in the hot path."""

    def on_call(self, call: Call, deliver: Deliver) -> Deliver:
        """A call has been taken; returns who is to get its answer, `deliver` if that is all the same."""
        ...


class CallLog(Protocol):
    """Keeps some of the calls with their answers."""

    def of_pool(self, pool: Pool) -> Observer | None:
        """What sees the calls to this version of a model; `None` if none of them are kept."""
        ...

    def of_job(self, live: Pool, call: Call, job_id: str) -> Callable[[Answer], None] | None:
        """What is to be given the answer to the call of a job, which its own worker makes, if it is kept.

        `live` is the pool of its model that is live.
        """
        ...


class Pool(Protocol):
    """The workers of one version of a model, and the queue of its calls."""

    name: str
    version: int  # 0 is the model as its source has it
    source: Source
    settings: Settings
    state_since: float  # when its state has begun, in seconds of the epoch
    error: str  # why it has failed
    signature: Signature | None  # None until it was ready once
    reads_headers: bool  # true if an argument of predict() is a request header
    takes_base64: bool  # true if JSON may hold files of predict()
    ready_seconds: float | None
    restarts: int
    memory_replacements: int  # workers that were replaced because of their memory
    files: Sequence[str]  # that the model consists of, where they are watched
    reload_error: str  # why its files, which have changed, cannot be loaded
    output: Output
    settled: asyncio.Event  # set once the model is ready or has failed
    observers: tuple[Observer, ...]  # of the calls to what is live
    logged_by: Observer | None  # that stays with this version
    spans: TakeLate | None  # who hears of the parts of traces
    tally: Tally  # of its model, which the pools of all versions share
    counted: VersionTally  # what of it is this version's
    model_log: ModelLog  # what they print, of all versions, too
    body_slot: Callable[[int], memoryview | None]  # a place for a large body that its workers see, if any

    @property
    def workers(self) -> Sequence[SeenWorker]:
        """The workers that there are now."""
        ...

    @property
    def workers_wanted(self) -> int:
        """How many there are to be."""
        ...

    @property
    def queue(self) -> CallQueue:
        """Its calls."""
        ...

    @property
    def state(self) -> PoolState:
        """Where the model is in its life."""
        ...

    @property
    def workers_ready(self) -> int:
        """How many workers can take a call."""
        ...

    @property
    def is_idle(self) -> bool:
        """True if nobody has a call here, or is about to make one."""
        ...

    def start(self, workers: int | None = None) -> None:
        """Start the workers. Returns at once; `settled` tells when the model is ready or has failed."""
        ...

    async def grow(self) -> None:
        """Have as many workers as settings say, and wait until those that were missing are ready, too."""
        ...

    def load(self, *, now: bool = True) -> None:
        """Begin to load what is unloaded, idle or has failed; `settled` tells how that ends.

        If that is not to be `now`, a model that is unloaded is loaded by its next call.
        """
        ...

    async def unload(self, seconds: float) -> None:
        """Take no more calls, give those that run so long to end, and end the workers, until `load`."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Keep the pool from being unloaded: a request is on its way to it."""
        ...

    def check_open(self) -> None:
        """Raise `Refused` if a call would not be taken now. One that is idle begins to load."""
        ...

    def submit(self, call: Call, deliver: Deliver, *, within: bool = False, is_copy: bool = False) -> Pending:
        """Queue a call; `deliver` gets its answer, once. Raises `Refused`.

        What is part of another call (`within`) is taken while the server drains, too. One that `is_copy` of
        another one is not logged.
        """
        ...

    def submit_aside(self, call: Call, deliver: Deliver) -> Pending:
        """Queue a call that is none of a client's: no observer sees it, and a full queue takes it."""
        ...

    def cancel(self, pending: Pending) -> None:
        """The client has left: the call is dropped from the queue, or stopped where it runs."""
        ...

    def close_stream(self, pending: Pending) -> None:
        """Nobody reads the stream that answers this call any more; it is cancelled if it has not ended."""
        ...

    def may_leave_files(self, verb: CallVerb = "predict") -> bool:
        """Whether files may be left in the folder of a call although it came without any."""
        ...

    def discard(self, call_id: int) -> None:
        """Remove the files of a call that nobody waits for."""
        ...

    async def drained(self) -> None:
        """Wait until every call is answered."""
        ...

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker, `at_once` without asking it first; what is unanswered is answered 503."""
        ...


class Router(Protocol):
    """Spreads the calls to a model over its versions."""

    def choose(self, live: Pool) -> Pool:
        """The pool for the next call."""
        ...

    def weights(self, live: Pool) -> Mapping[int, float]:
        """The share of the calls that each version gets, from 0 to 1."""
        ...


class JobOwner(Protocol):
    """Who started the process of a job: it is told what that says, prints, and how it ends."""

    def add(self, line: bytes) -> None:
        """A line that it printed."""
        ...

    def on_frame(self, worker: JobWorker, kind: int, message: Any) -> None:
        """A frame that it sent."""
        ...

    def on_lost(self, worker: JobWorker, reason: str) -> None:
        """It has ended."""
        ...


class JobWorker(Protocol):
    """The process of one job."""

    @property
    def has_begun(self) -> bool:
        """Whether there is a process, or was; there is none while it waits for a place."""
        ...

    @property
    def is_gone(self) -> bool:
        """Whether its machine, or what had to keep it alive, is gone: its code is not to blame."""
        ...

    async def start(self) -> None:
        """Start the process, once there is a place for it, and tell it what to load. Raises `OSError`."""
        ...

    def send(self, kind: Kind, message: Any) -> None:
        """Send a frame. Raises `FrameError` if it is too large."""
        ...

    def drain_output(self, *, to_end: bool = False) -> None:
        """Read what it has printed so far; `to_end`: what stands there as half a line is a line, too."""
        ...

    async def all_printed(self, seconds: float) -> None:
        """Wait until all that it has printed was read, but no longer than this."""
        ...

    def let_go(self, call_id: int) -> None:
        """The call of a job is over: so is what it has asked of other models."""
        ...

    def hold_back(self) -> None:
        """Read no more frames until `go_on`."""
        ...

    def go_on(self) -> None:
        """Read frames again."""
        ...

    def ask_to_stop(self, asked: bool = True) -> None:
        """Raise the flag that `current_job().cancelled` shows, or lower it before the next job."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM to it."""
        ...

    def kill(self, reason: str) -> None:
        """Kill it and everything it started. Its loss is reported when it has ended."""
        ...

    async def stop(self, *, at_once: bool = False) -> None:
        """End it: asked first, killed if it does not go in time. Nothing of it is left after."""
        ...


class JobLauncher(Protocol):
    """Makes the process of a job, which is not started yet; its temporary files go below `temp`.

    It is given a device, threads and variables. Raises `SettingsError` for a device that there is not.
    """

    def __call__(self, owner: JobOwner, load: Load, temp: Path) -> JobWorker: ...


class Engine(Protocol):
    """All models of a server. `shares` has what spreads the calls to models that have a canary."""

    sources: list[Source]
    settings: Settings
    spool: Spool
    shares: dict[str, Router]
    launch_job: JobLauncher
    draining: bool  # true once the server has been told to stop
    call_log: CallLog | None  # set before `open`
    spans: TakeLate | None  # who hears of the parts of traces

    @property
    def pools(self) -> Mapping[str, Pool]:
        """The pool of each model that is live."""
        ...

    async def open(self) -> None:
        """Make the spool folder and a pool for each model, without workers. Raises `OSError`."""
        ...

    def begin(self) -> None:
        """Start the workers of every model that waits; returns before they are ready."""
        ...

    def new_pool(self, source: Source, version: int) -> Pool:
        """A pool for a version of a model, without workers yet; it is stopped with the engine."""
        ...

    def drop(self, pool: Pool) -> None:
        """Know a pool that is not live no longer: the caller stops it."""
        ...

    def make_live(self, pool: Pool) -> Pool:
        """Let `pool` answer for its model from the next call on; returns the one that did until now."""
        ...

    def route(self, name: str) -> Pool:
        """The pool that answers the next call to a model."""
        ...

    def source(self, name: str) -> Source:
        """The source of a model, without a version."""
        ...

    def saved_source(self, name: str, saved: str) -> Source:
        """The source of a version: what a training has saved; the model itself if that is empty."""
        ...

    def job_load(self, name: str, kind: CallVerb, saved: str | None) -> Load:
        """What the process of a job has to load."""
        ...

    def next_id(self) -> int:
        """A number for a call, unique in this server."""
        ...

    def request_id(self, call_id: int) -> str:
        """The name of a call in answers and in the log."""
        ...

    @property
    def trouble(self) -> str:
        """Why no worker can be placed now; empty if nothing is known to be in the way."""
        ...

    @property
    def ends_with_server(self) -> bool:
        """Whether what runs ends in the moment in which the server is killed, and not a while later."""
        ...

    def ready(self) -> bool:
        """True when every model can answer."""
        ...

    async def settled(self) -> None:
        """Wait until each model is ready or has failed."""
        ...

    async def drain(self, seconds: float) -> bool:
        """Take no more calls, wait for those that run. False if some were left at the end."""
        ...

    async def stop(self, *, at_once: bool = False) -> None:
        """End every worker and remove every temporary file."""
        ...
