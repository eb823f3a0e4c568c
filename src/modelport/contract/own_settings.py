"""What a model says of itself that is a setting: how many workers it wants, how long its calls may take, ….

A `modelport.Model` says it by attributes. In a module, and in classes that were written for something else,
these names may mean anything, so there it is a dictionary called `modelport_settings`. What the operator says
comes first. What must be known before a process starts is told to the server as soon as the code is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.contract.model import Model
from modelport.contract.nearest import did_you_mean

NAMES = (
    "workers", "devices", "threads", "environment", "queue_size", "timeout", "load_timeout", "memory_limit",
    "idle_unload", "job_workers",
)  # fmt: skip
DICTIONARY = "modelport_settings"
MISSING = object()

_host: Callable[[dict[str, Any]], None] | None = None


def own_settings(model: Any) -> dict[str, Any]:
    """What a model, or its class, says of its settings. Raises `ModelLoadError` for what it cannot say."""
    given = _given(model)
    found = _checked(given) if given else {}
    if found.get("workers") == 0:
        raise ModelLoadError("the model says workers: 0 is too small: it must be 1 or more")
    _check_batches(model)
    return found


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    from modelport.settings.checking import (
        SettingsError,
        checked_setting,  # and with it every setting: most models say nothing of theirs
    )

    try:
        return {name: checked_setting(name, value, name) for name, value in given.items()}
    except SettingsError as error:
        raise ModelLoadError(f"the model says {error}") from None


def _given(model: Any) -> dict[str, Any]:
    cls = cast("type[Any]", model if inspect.isclass(model) else type(model))
    if issubclass(cls, Model):
        given = {name: inspect.getattr_static(model, name, MISSING) for name in NAMES}
        given = {name: value for name, value in given.items() if value is not MISSING}
        if inspect.isclass(model):  # what its objects compute is asked of them
            return {name: value for name, value in given.items() if not hasattr(value, "__get__")}
        said = {name: getattr(model, name) for name in given}
        return {name: value for name, value in said.items() if not callable(value)}  # a method says nothing
    written = inspect.getattr_static(model, DICTIONARY, MISSING)
    if written is MISSING:
        return {}
    if not isinstance(written, Mapping):
        raise ModelLoadError(f"{DICTIONARY} is no dictionary of settings, but a {type(written).__name__}")
    given = {str(name): value for name, value in cast("Mapping[Any, Any]", written).items()}
    for name in given:
        if name not in NAMES:
            known = did_you_mean(name, NAMES) or f"; there are {', '.join(NAMES)}"
            raise ModelLoadError(f"{DICTIONARY} has {name!r}, which no model can say of itself{known}")
    return given


def _check_batches(model: Any) -> None:
    """What a model with a `predict_batch` says of its batches, which the server could not keep to."""
    if inspect.getattr_static(model, "predict_batch", None) is None:
        return
    size = inspect.getattr_static(model, "max_batch_size", 1)
    if not hasattr(size, "__get__") and (type(size) is not int or size < 1):
        raise ModelLoadError(f"max_batch_size is {size!r}; it must be a whole number of calls, 1 or more")
    wait = inspect.getattr_static(model, "max_wait_ms", 0)
    is_number = type(wait) in (int, float) and 0 <= wait < float("inf")
    if not hasattr(wait, "__get__") and not is_number:
        raise ModelLoadError(f"max_wait_ms is {wait!r}; it must be a number of milliseconds, 0 or more")


def tell_host(model: Any) -> None:
    """Let whoever started this process know what the code asks for that is about to be made a model of."""
    if _host is not None:
        asked = own_settings(model)
        if asked:
            _host(asked)


def set_host(host: Callable[[dict[str, Any]], None]) -> None:
    """Let `host` hear what the model of this process asks for."""
    global _host
    _host = host
