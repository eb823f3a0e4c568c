"""Where in the model's own code an error came from, without the frames of all that called it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from traceback import TracebackException

import modelport
from modelport.contract.errors import ModelLoadError
from modelport.dialects.codecs.failures import formatted

OURS = str(Path(modelport.__file__).parent) + os.sep
STANDARD = str(Path(os.__file__).parent) + os.sep
LIBRARIES = frozenset({"site-packages", "dist-packages"})
MOST_LINKS = 10  # of a chain of exceptions


def own_trace(error: BaseException, package: str = "") -> str:
    """What of the traceback is of the model's own code, for the log (see `model_trace`); may be empty."""
    return formatted(error, lambda error: model_trace(error, package))


def model_trace(error: BaseException, package: str = "") -> TracebackException | None:
    """The traceback of the model's own exception with the frames of its own code alone.

    `package` is the top-level package of a model that is installed, as libraries are. `None` if none of the
    model's code had a part in it.
    """
    own: BaseException | None = error
    while isinstance(own, ModelLoadError):
        own = own.__cause__
    if own is None:
        return None
    whole = TracebackException.from_exception(own)
    chain = _chain(whole)
    for link in chain:
        kept = [frame for frame in link.stack if _is_own(frame.filename, package)]
        link.stack = traceback.StackSummary.from_list(kept)
    in_source = issubclass(type(own), SyntaxError)  # its text says where
    return whole if in_source or any(link.stack for link in chain) else None


def _chain(error: TracebackException) -> list[TracebackException]:
    found: list[TracebackException] = []
    link: TracebackException | None = error
    while link is not None and len(found) < MOST_LINKS:
        found.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    if link is not None:
        found[-1].__cause__ = found[-1].__context__ = None
    return found


def _is_own(file: str, package: str) -> bool:
    if file.startswith(("<frozen ", OURS)):
        return False
    parts = Path(file).parts
    for number, part in enumerate(parts):
        if part in LIBRARIES:
            below = parts[number + 1] if number + 1 < len(parts) else ""
            return bool(package) and below in (package, f"{package}.py")
    return not file.startswith(STANDARD)
