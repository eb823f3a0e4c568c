"""`modelport serve`: load the models, listen, and show how it goes."""

from __future__ import annotations

import ctypes
import errno
import logging
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

import click

from modelport.api.listening import OPEN_ADDRESSES, CannotListen, Listener, address_of, bind, said_in_vain
from modelport.api.server import nothing_served, serve
from modelport.cli.loading import SourceError
from modelport.cli.to_serve import sources_to_serve
from modelport.contract.errors import ModelLoadError
from modelport.memory import keep_freed_memory
from modelport.serving.event_loop import run
from modelport.serving.life import Life
from modelport.serving.log import Logs, set_up_logging
from modelport.serving.processes.first import CANNOT_LISTEN, CANNOT_WRITE, NOTHING_TO_SERVE
from modelport.serving.processes.serving import serve_in_processes
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.groups.access import Auth
from modelport.siblings import Siblings
from modelport.sources.source import Source

if TYPE_CHECKING:
    from modelport.cli.mlup_config import MlupFile

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
_ARENAS = 2

log = logging.getLogger("modelport.server")


class _Asked(NamedTuple):
    """What a command asks for beside its settings."""

    sources: list[Source]
    mlup: MlupFile | None
    opens_page: bool


def run_server(settings: Settings, mlup: MlupFile | None = None, *, opens_page: bool = False) -> int:
    """Serve until told to stop; `mlup` is the mlup configuration that the settings come from.

    With `opens_page` a browser is opened at the page once the server listens.
    Returns the exit status: 0 stopped, 2 nothing to serve, 3 no address, 4 a folder that cannot be written.
    """
    _share_memory_of_threads()
    keep_freed_memory()
    try:
        asked = _Asked(sources_to_serve(settings, mlup), mlup, opens_page)
    except (ModelLoadError, SettingsError) as error:
        raise SourceError(str(error)) from None
    if settings.server_processes > 1:
        return _serve_in_processes(asked, settings)
    return _serve_logged(asked, settings)


def _serve_in_processes(asked: _Asked, settings: Settings) -> int:
    """Serve in several processes; in each of them this does not return."""
    listener = _listening(settings)
    if isinstance(listener, int):
        return listener

    def work(own: Settings, mine: Listener, siblings: Siblings) -> int:
        try:
            return _serve_logged(asked, own, mine, siblings)
        except click.ClickException as error:
            error.show()
            return error.exit_code

    try:
        return serve_in_processes(settings, listener, work)
    except OSError as error:
        click.echo(f"modelport: {error}", err=True)
        return CANNOT_LISTEN if isinstance(error, CannotListen) else CANNOT_WRITE
    finally:
        listener.close()


def _serve_logged(
    asked: _Asked, settings: Settings, listener: Listener | None = None, siblings: Siblings | None = None
) -> int:
    """Serve with the logs that settings want; returns the exit status."""
    try:
        logs = set_up_logging(settings)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        said = f"cannot write the log file {error.filename}: {error.strerror}; {_other_file(settings, error)}"
        click.echo(f"modelport: {said}", err=True)
        return CANNOT_WRITE
    try:
        if siblings is None or siblings.place.speaks:
            _warn(asked, settings)
        found = listener or _listening(settings)
        return found if isinstance(found, int) else _serve(asked, settings, logs, found, siblings)
    finally:
        logs.close()


def _warn(asked: _Asked, settings: Settings) -> None:
    """Say what may be other than somebody thinks."""
    if asked.mlup is not None and asked.mlup.unused:
        log.warning("%s: these keys have no meaning here: %s", asked.mlup.path, ", ".join(asked.mlup.unused))
    if in_vain := said_in_vain(settings):
        log.warning("%s", in_vain)
    if settings.uds is None and settings.host in OPEN_ADDRESSES and settings.auth != Auth.ON:
        log.warning("listening on every address, and nobody has to say who they are: keep this port private")


def _listening(settings: Settings) -> Listener | int:
    """What listens where settings say; the exit status if nothing can, once that is said."""
    try:
        return bind(settings)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        said = f"cannot listen on {address_of(settings)}: {reason}{_instead(error, settings)}"
        click.echo(f"modelport: {said}", err=True)
        return CANNOT_LISTEN


def _share_memory_of_threads() -> None:
    """Have the threads of this process share what they free: what each has for itself stays (mallopt(3))."""
    with suppress(AttributeError):  # another C library has no arenas
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def _serve(
    asked: _Asked, settings: Settings, logs: Logs, listener: Listener, siblings: Siblings | None
) -> int:
    """Serve what is asked for, and say so in the logs; returns the exit status."""
    url, names = listener.url, [source.name for source in asked.sources]

    def announce() -> None:
        logs.heed_signals()
        if siblings is not None and not siblings.place.speaks:
            return
        log.info("serving %s on %s", ", ".join(names), url)
        if sys.stderr.isatty() and not settings.log_file and siblings is None:
            from modelport.cli.live_view import LiveView

            LiveView(life.engine, url).open()
        if asked.opens_page:
            from modelport.cli.opening import open_page

            open_page(url, names, settings)

    try:
        life = Life(asked.sources, settings, {"mlup": asked.mlup.shown} if asked.mlup else None, siblings)
        logs.hear(life.exchanges)
        with closing(logs):  # what is said after that stands behind its last lines
            run(serve(life, listener, announce))
    except ModelLoadError as error:
        raise SourceError(str(error)) from None
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        click.echo(f"modelport: {error}", err=True)
        return CANNOT_LISTEN if isinstance(error, CannotListen) else CANNOT_WRITE
    finally:
        listener.close()
    stays_up = settings.keep_going or settings.reload
    if not stays_up and nothing_served(life.engine):
        if siblings is None or siblings.place.speaks:
            click.echo(f"Error: {nothing_served(life.engine)}", err=True)
        return NOTHING_TO_SERVE
    return 0


def _other_file(settings: Settings, error: OSError) -> str:
    """Which option names another file than the one that cannot be written."""
    return f"{'--log-file' if error.filename == settings.log_file else '--access-log-file'} names another"


def _instead(error: Exception, settings: Settings) -> str:
    """What to do about an address that cannot be had, where the reason alone does not say so."""
    number = getattr(error, "errno", None)
    if settings.uds is not None:
        if number == errno.EADDRINUSE:
            return "; a server answers there: stop it, or name another path with --uds"
        return "; --uds names a path in a folder that this user can write"
    if number == errno.EADDRINUSE:
        return "; another program has it: --port names another, --port 0 takes a free one"
    if number == errno.EACCES:
        return "; ports below 1024 are root's: --port names another"
    return "; --host names an address of this machine" if number == errno.EADDRNOTAVAIL else ""
