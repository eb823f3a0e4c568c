"""A model loaded into this process for one command, with its own words kept off stdout."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from modelport.settings import Settings

if TYPE_CHECKING:
    from modelport.contract.served import ServedModel
    from modelport.sources.source import Source


LOAD_TIMEOUT = Settings.load_timeout


class SourceError(click.ClickException):
    """A source that cannot be used: one line, and the exit status of a wrong command line."""

    exit_code = 2


@contextlib.contextmanager
def answers_only() -> Generator[BinaryIO]:
    """The real stdout, for the answer alone: whatever else is printed meanwhile goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "wb") as stdout:
            yield stdout
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def interruptible() -> Generator[None]:
    """Ctrl-C and SIGTERM end the model's code, however it catches exceptions, and then this process."""
    from modelport.worker.cancellation import Terminated

    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise Terminated

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Terminated:
        sys.exit(128 + received[0])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def parsed_source(text: str, *, trust: bool = False, format: str | None = None) -> Source:
    """The source that the user wrote. Raises `SourceError` saying what is wrong with it."""
    from modelport.contract.errors import ModelLoadError
    from modelport.contract.model_options import ModelOptions
    from modelport.sources.source import parse_source

    try:
        return parse_source(text, ModelOptions(trust=trust, format=format or ""))
    except ModelLoadError as error:
        raise SourceError(str(error)) from None


def file_options() -> list[click.Parameter]:
    """The options about loading, of the commands that take a source."""
    return [
        click.Option(
            ["trust", "--trust"],
            is_flag=True,
            help="load a model file that can run code when it is loaded, such as a pickle",
        ),
        click.Option(
            ["format", "--format"],
            metavar="NAME",
            help="the format of the model file, instead of recognising it",
        ),
        load_timeout_option(),
    ]


def load_timeout_option() -> click.Option:
    """How long loading may take: the setting of `serve`, for a command."""
    return click.Option(
        ["load_timeout", "--load-timeout"],
        type=click.FloatRange(min=0.0),
        metavar="SECONDS",
        default=LOAD_TIMEOUT,
        envvar="MODELPORT_LOAD_TIMEOUT",
        help=f"how long the model may take to load and warm up [default: {LOAD_TIMEOUT:g}; 0: any time]",
    )


def source_with_options(text: str, own: dict[str, Any], arguments: list[str]) -> Source:
    """The source, with the options about model files that stand before it.

    For a saved model `--trust` may stand after it, too; it is taken out of the model's own `arguments`.
    """
    from modelport.contract.errors import ModelLoadError
    from modelport.sources.source import read_source

    trust: bool = own.pop("trust")
    format: str | None = own.pop("format")
    if "--trust" in arguments:
        with contextlib.suppress(ModelLoadError):  # said below
            if read_source(text).is_saved:
                trust = True
                arguments.remove("--trust")
    return parsed_source(text, trust=trust, format=format)


def loaded(source: Source, *, debug: bool = False) -> ServedModel:
    """The model, not warmed. Raises `click.ClickException` with the reason; `debug` shows the traceback."""
    from modelport.contract.errors import ModelLoadError
    from modelport.worker.model_start import load_once

    try:
        return load_once(source)
    except ModelLoadError as error:
        raise failed(str(error), error, debug) from None
    except SystemExit as error:  # of the model's own code
        raise failed(f"{source}: it ended the process with {error.code!r}", error, debug) from None


def prepared(model: ServedModel, *, debug: bool = False, warm: bool = True) -> None:
    """Set the model up, and warm it. Raises `click.ClickException` with the reason."""
    from modelport.contract.errors import ModelLoadError
    from modelport.worker import main

    try:
        main.set_up(model)
        if warm:
            main.warm(model)
    except ModelLoadError as error:
        raise failed(str(error), error, debug) from None


def failed(message: str, error: BaseException, debug: bool) -> click.ClickException:
    """The end of a command: exit status 1 and the reason, after the traceback if `debug` is on."""
    from modelport.dialects.codecs.failures import trace

    if debug:
        click.echo(trace(error), err=True)
    return click.ClickException(message)
