"""The loop of a worker: how its calls run is decided once, by what the model says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.worker.host import Host
from modelport.worker.runners.serial import SerialRunner

if TYPE_CHECKING:
    from modelport.worker.runners.loop_frames import LoopRunner


def run_calls(host: Host) -> None:
    """Answer calls until STOP or the end of the stream. Raises `FrameError` on a broken stream.

    Without a process of its own nothing can be cancelled side by side, so there calls run one by one.
    """
    side_by_side = _side_by_side(host) if host.running.control is not None else None
    put_aside = side_by_side.run() if side_by_side is not None else []
    if side_by_side is None or put_aside:
        SerialRunner(host, put_aside).run()


def _side_by_side(host: Host) -> LoopRunner[Any] | None:
    """Who runs the calls of this model side by side; `None` if they run one by one. What it needs is imported
    only then.
    """
    predict, stream = host.model.signature.predict, host.model.signature.stream
    if predict.is_async or stream.is_async:
        from modelport.worker.runners.concurrent import ConcurrentRunner

        return ConcurrentRunner(host)
    if predict.max_concurrency > 1:
        from modelport.worker.runners.threads import ThreadsRunner

        return ThreadsRunner(host)
    return None
