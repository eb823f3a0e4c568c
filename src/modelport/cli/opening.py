"""`modelport serve --open`: the page of a server that listens, in the browser of who has started it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from urllib.parse import quote

from modelport.api.listening import UNIX, on_this_machine
from modelport.api.page_routes import HOME, NOT_BUILT, is_built
from modelport.cli.browsers import no_browser, opened
from modelport.settings import Settings

log = logging.getLogger("modelport.server")


def open_page(url: str, models: Sequence[str], settings: Settings) -> None:
    """Open the page of the server at `url`, or of its one model; say why not if that cannot be.

    It returns at once: some browsers are waited for until they end, in a thread that holds up nothing.
    """
    room = f"{HOME}/{quote(models[0], safe='')}" if len(models) == 1 else HOME
    page = on_this_machine(url) + room
    if not settings.page_endpoint:
        why = "the setting page_endpoint is off"
    elif not is_built():
        why = NOT_BUILT
    elif url.startswith(UNIX):
        why, page = "browsers reach no Unix socket; a proxy before it would have an address", ""
    else:
        why = no_browser()
    if why:
        _say(page or url, why)
    else:
        threading.Thread(target=_open, args=(page,), name="open the page", daemon=True).start()


def _open(page: str) -> None:
    why = opened(page)
    if why:
        _say(page, why)


def _say(page: str, why: str) -> None:
    log.warning("--open: no browser was opened at %s: %s", page, why)
