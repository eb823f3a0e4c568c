"""The start of a model, whoever hosts it: loaded, set up and warmed, each once at a time in a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport.contract.errors import ModelLoadError
from modelport.contract.served import ServedModel
from modelport.dialects.codecs.failures import described
from modelport.sources.load import load_model
from modelport.sources.model_loop import come_to, run_through
from modelport.sources.source import Source
from modelport.worker.world import once


@once()
def load_once(source: Source) -> ServedModel:
    """Load the model. Raises `ModelLoadError`, and `SystemExit` of the model's own code."""
    return load_model(source)


@once()
def warm(model: ServedModel, come_to: Callable[[Any], Any] = come_to) -> None:
    """Warm the model, as `set_up`. Raises `ModelLoadError` with the reason if its `warm` fails."""
    _prepare(model, model.warm, come_to)


@once()
def set_up(model: ServedModel, come_to: Callable[[Any], Any] = come_to) -> None:
    """Let the model start what its calls need; `come_to` awaits it where its calls run.

    Raises `ModelLoadError` if its `setup` fails.
    """
    _prepare(model, model.setup, come_to)


def _prepare(model: ServedModel, step: Callable[[], Any], come_to: Callable[[Any], Any]) -> None:
    try:
        run_through(step(), come_to)
    except (Exception, SystemExit) as error:
        said = f"{step.__name__}() failed: {type(error).__name__}: {described(error)}"
        raise ModelLoadError(f"{model.signature.name}: {said}") from error
