"""The worker process: load one model, say what it is, answer calls until told to stop.

    python -P -m modelport.worker CHANNEL CONTROL MARKER BODIES PARENT NICE

The first four are inherited file descriptors (the frames' socket, the cancellation socket, the shared
memory of the running call's number, and that of large bodies, or -1 for none), then come the server's process
id and how much less urgent than the server this process is (nice(2)).
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import mmap
import os
import signal
import socket
import sys
from time import perf_counter
from typing import Any

from modelport.contract.current_call import tell_spans_to
from modelport.contract.current_worker import set_current_worker
from modelport.contract.errors import ModelLoadError
from modelport.contract.own_settings import set_host
from modelport.contract.served import ServedModel
from modelport.dialects.codecs.failures import described, trace, words
from modelport.guards.table_limits import set_table_limits
from modelport.memory import keep_freed_memory
from modelport.sources.model_loop import close_event_loop
from modelport.sources.source import Source
from modelport.worker.asked_model import ask_through
from modelport.worker.asks import ServerLink
from modelport.worker.body_slots import BorrowedSlots
from modelport.worker.cancellation import MARKER_BYTES, RunningCall, Terminated
from modelport.worker.frames import Failed, FrameSocket, Kind, Load, Ready, State
from modelport.worker.host import Host
from modelport.worker.loop import run_calls
from modelport.worker.marked_lines import MarkedLines, mark_lines
from modelport.worker.model_frames import own_trace
from modelport.worker.model_start import load_once, set_up, warm
from modelport.worker.urgency import give_way, giving_way

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run a worker process. Returns its exit status: 0 stopped, 3 the model could not be loaded.

    After SIGTERM the process ends in order, and dies of that signal at last, so that it can be told apart.
    """
    terminated: list[bool] = []
    atexit.register(_die_if, terminated)  # the first to be registered is the last to be called
    channel_fd, control_fd, marker_fd, bodies_fd, parent, nice = (int(argument) for argument in argv)
    die_with(parent)
    give_way(nice)
    keep_freed_memory()
    channel = socket.socket(fileno=channel_fd)
    control = socket.socket(fileno=control_fd)
    control.setblocking(False)
    for fd in (channel_fd, control_fd, marker_fd):
        os.set_inheritable(fd, False)  # the model's own children must not hold the frames open
    marker: Any = mmap.mmap(marker_fd, MARKER_BYTES)
    slots = BorrowedSlots(bodies_fd) if bodies_fd >= 0 else None
    running = RunningCall(marker, control)
    running.install()
    try:
        return serve_channel(FrameSocket(channel, slots), running, urgent=not nice)
    except Terminated:
        terminated.append(True)
        return 128 + signal.SIGTERM
    finally:
        _flush()


def serve_channel(frames: FrameSocket, running: RunningCall, *, urgent: bool = False) -> int:
    """Load what the first frame names and answer the calls that come until the server is done.

    The process of `urgent` calls lets others go first while it loads.
    """
    first = frames.receive()
    if first is None:
        return 0
    load: Load = first[1]
    link = ServerLink()
    if load.has_others:
        ask_through(link, in_thread=running.control is None)
    set_table_limits(load.tables)
    if load.print_token:
        mark_lines(load.print_token)
    if running.control is not None:  # a process of the model's own
        set_current_worker(load.worker)
        if load.may_ask:
            set_host(lambda asked: _ask(frames, asked))
    try:
        model = _prepared(load, frames, urgent)
        if model is None:
            return 3
        host = Host(model, load, frames, running)
        link.asks = host.asks
        tell_spans_to(host.spans.send)
        run_calls(host)
        return 0
    finally:
        close_event_loop()


def _ask(frames: FrameSocket, asked: dict[str, Any]) -> None:
    """Tell the server what the model asks for, and wait until it says that this process has that.

    Raises `Terminated` where another process is to have it.
    """
    frames.send(Kind.SETTINGS, asked)
    answer = frames.receive()
    if answer is None or answer[0] != Kind.GO_ON:
        raise Terminated


def _prepared(load: Load, frames: FrameSocket, urgent: bool) -> ServedModel | None:
    """The loaded, warmed and announced model; `None` if that failed, and was reported."""
    began = perf_counter()
    # What is compiled would be taken for that of a file that changes again in the same second.
    sys.dont_write_bytecode |= load.watched
    try:
        with giving_way() if urgent else contextlib.nullcontext():
            frames.send(Kind.STATE, State("loading"))
            model = load_once(source_of(load))
            set_up(model)
            loaded = perf_counter()
            if load.warm:
                frames.send(Kind.STATE, State("warming"))
                warm(model)
            gc.collect()
            gc.freeze()  # what was loaded stays; collections need not walk over it again
        ready = Ready(model.signature, loaded - began, perf_counter() - loaded, files_of(load))
        frames.send(Kind.READY, ready)
    except Terminated:
        raise
    except BaseException as error:  # the model's own code: anything may come out of it
        known = isinstance(error, ModelLoadError)
        message = words(error) if known else described(error)
        package = load.target.partition(".")[0] if load.kind == "module" else ""
        files = files_of(load, error)
        frames.send(Kind.FAILED, Failed(message, trace(error), own_trace(error, package), files))
        return None
    return model


def files_of(load: Load, error: BaseException | None = None) -> list[str]:
    """The files that the model consists of, if they are watched."""
    if not load.watched:
        return []
    from modelport.worker.own_files import own_files  # for development alone

    return own_files(source_of(load), error)


def source_of(load: Load) -> Source:
    """The source that a LOAD frame names."""
    kind: Any = load.kind
    return Source(load.name, kind, load.target, load.attribute, load.options, load.saved)


def die_with(parent: int) -> None:
    """Be killed when the server's process ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _die_if(terminated: list[bool]) -> None:
    if terminated:
        _flush()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            (stream.flush_all if isinstance(stream, MarkedLines) else stream.flush)()
        except (OSError, ValueError):
            pass
