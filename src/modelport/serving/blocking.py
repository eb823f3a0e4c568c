"""`modelport.serve`: `modelport serve` as a function, which also takes classes, objects and functions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from modelport.api.listening import bind, said_in_vain
from modelport.api.server import nothing_served
from modelport.api.server import serve as serve_life
from modelport.contract.errors import ModelLoadError
from modelport.serving.arguments import refuse_in_worker, settings_of
from modelport.serving.event_loop import run
from modelport.serving.life import Life
from modelport.serving.log import set_up_logging
from modelport.serving.models import ObjectFiles, given_models

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
    logs = set_up_logging(read)
    files = ObjectFiles(read)
    try:
        life = Life(files.sources(given), read)
        logs.hear(life.exchanges)
        with contextlib.closing(bind(read)) as listener:
            names = ", ".join(one.name for one in given)
            if in_vain := said_in_vain(read):
                log.warning("%s", in_vain)

            def announce() -> None:
                logs.heed_signals()
                log.info("serving %s on %s", names, listener.url)

            run(serve_life(life, listener, announce))
        if not (read.keep_going or read.reload) and nothing_served(life.engine):
            raise ModelLoadError(nothing_served(life.engine))
    finally:
        files.close()
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
