"""The loop of a worker: how its calls run is decided once, by what the model says of itself."""

from __future__ import annotations

from typing import Any

from modelport.worker.host import Host
from modelport.worker.runners.serial import SerialRunner


def run_calls(host: Host) -> None:
    """Answer calls until STOP or the end of the stream. Raises `FrameError` on a broken stream.

    Without a process of its own nothing can be cancelled side by side, so there calls run one by one.
    """
    put_aside: list[tuple[int, Any]] = []
    if host.model.signature.predict.is_async and host.running.control is not None:
        from modelport.worker.runners.concurrent import ConcurrentRunner  # it imports asyncio

        put_aside = ConcurrentRunner(host).run()
        if not put_aside:
            return
    SerialRunner(host, put_aside).run()
