"""`modelport.serve`: `modelport serve` as a function, which also takes classes, objects and functions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from modelport.api.listening import Listener, bind, said_in_vain
from modelport.api.server import nothing_served
from modelport.api.server import serve as serve_life
from modelport.contract.errors import ModelLoadError
from modelport.serving.arguments import refuse_in_worker, settings_of
from modelport.serving.event_loop import run
from modelport.serving.life import Life
from modelport.serving.log import set_up_logging
from modelport.serving.models import ObjectFiles, given_models
from modelport.serving.processes.first import CANNOT_WRITE, NOTHING_TO_SERVE
from modelport.serving.processes.serving import serve_in_processes
from modelport.settings import Settings
from modelport.siblings import Siblings
from modelport.sources.source import Source

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelport.serving.keywords import ProcessSettings

log = logging.getLogger("modelport.server")


def serve(model: Any, *more: Any, **settings: Unpack[ProcessSettings]) -> None:
    """Serve models until SIGTERM or SIGINT, as `modelport serve` does; returns when all has ended.

    `model` is what `create_app` takes, and so are `settings`, with those of the server. Raises
    `ModelLoadError` for what cannot be served (with `keep_going` only if it does not exist), `OSError` for an
    address that cannot be had, `RuntimeError` where a server cannot have the process to itself:
    `modelport.running` is for those places.
    """
    refuse_in_worker("modelport.serve()")
    _refuse_guests()
    read = settings_of("serve()", settings, environment=os.environ)
    given = given_models((model, *more), read)
    files = ObjectFiles(read)
    try:
        served = _Served([one.name for one in given], files.sources(given))
        if read.server_processes == 1:
            _serve(served, read)
        else:
            _serve_in_processes(served, read)
    finally:
        files.close()


class _Served(NamedTuple):
    """What is served."""

    names: list[str]
    sources: list[Source]


def _serve_in_processes(served: _Served, settings: Settings) -> None:
    """Serve in several processes, in each of which this does not return. Raises as `serve` does."""

    def work(own: Settings, listener: Listener, siblings: Siblings) -> int:
        try:
            _serve(served, own, listener, siblings)
        except (ModelLoadError, OSError) as error:
            log.error("%s", error)
            return NOTHING_TO_SERVE if isinstance(error, ModelLoadError) else CANNOT_WRITE
        return 0

    with contextlib.closing(bind(settings)) as listener:
        status = serve_in_processes(settings, listener, work)
    if status:
        wrong = ModelLoadError if status == NOTHING_TO_SERVE else OSError
        raise wrong(f"the server processes have ended with status {status}; the log says why")


def _serve(
    served: _Served, settings: Settings, listener: Listener | None = None, siblings: Siblings | None = None
) -> None:
    """Serve in this process. Raises as `serve` does."""
    speaks = siblings is None or siblings.place.speaks
    logs = set_up_logging(settings)
    try:
        life = Life(served.sources, settings, siblings=siblings)
        logs.hear(life.exchanges)
        with contextlib.closing(listener or bind(settings)) as bound:
            if speaks and (in_vain := said_in_vain(settings)):
                log.warning("%s", in_vain)

            def announce() -> None:
                logs.heed_signals()
                if speaks:
                    log.info("serving %s on %s", ", ".join(served.names), bound.url)

            run(serve_life(life, bound, announce))
        if not (settings.keep_going or settings.reload) and nothing_served(life.engine):
            raise ModelLoadError(nothing_served(life.engine))
    finally:
        logs.close()


def _refuse_guests() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "modelport.serve() needs the main thread, for its signals; use modelport.running() in others"
        )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("an event loop runs here already, as in a notebook: use modelport.running()")
