"""Objects from memory as bytes for the worker: by name where they are importable, else by value."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any, cast

import cloudpickle  # pyright: ignore[reportMissingTypeStubs]

from modelport.contract.errors import ModelLoadError

_dumps = cast("Callable[[Any], bytes]", cast("Any", cloudpickle).dumps)
DEEPEST = 5  # how far down the member is looked for that cannot be pickled


def pickled(model: Any, name: str) -> bytes:
    """The object, pickled. Raises `ModelLoadError` naming the member that cannot be pickled."""
    try:
        with _annotations_as_objects(model):
            return _dumps(model)
    except Exception as error:  # whatever the object's own __getstate__ or __reduce__ raises, too
        member = _culprit(model, DEEPEST)
        where = f"its member {member} cannot be" if member else "it cannot be"
        raise ModelLoadError(
            f"the object {name!r} cannot go to a worker process: {where} pickled "
            f"({type(error).__name__}: {error}); give the class instead, whose __init__ then runs in the "
            "worker, or a source such as 'package.module:Class'"
        ) from error


def _culprit(holder: Any, depth: int) -> str:
    """The dotted name of what cannot be pickled inside `holder`; empty if it cannot be told."""
    for name, member in _members(holder).items():
        try:
            _dumps(member)
        except Exception:  # this is the one
            inner = _culprit(member, depth - 1) if depth else ""
            return f"{name}.{inner}".replace(".[", "[") if inner else name
    return ""


def _members(holder: Any) -> Mapping[str, Any]:
    if inspect.isfunction(holder):
        with contextlib.suppress(TypeError, ValueError):
            used = inspect.getclosurevars(holder)
            return {**used.nonlocals, **used.globals}
    if isinstance(holder, dict):
        return {f"[{key!r}]": value for key, value in cast("dict[Any, Any]", holder).items()}
    return dict(vars(holder)) if hasattr(holder, "__dict__") else {}


@contextlib.contextmanager
def _annotations_as_objects(model: Any) -> Generator[None]:
    """Meanwhile the annotations of what is pickled by value are no strings.

    What a string names would not travel: only what a function's code uses does.
    """
    changed: list[tuple[Any, dict[str, Any]]] = []
    try:
        for holder in _annotated(model):
            written = holder.__annotations__
            if any(isinstance(hint, str) for hint in written.values()):
                with contextlib.suppress(Exception):  # an unknown name is reported when the model is read
                    holder.__annotations__ = inspect.get_annotations(holder, eval_str=True)
                    changed.append((holder, written))
        yield
    finally:
        for holder, written in changed:
            holder.__annotations__ = written


def _annotated(model: Any) -> list[Any]:
    """The functions of the model, and its classes, that cannot be imported elsewhere."""
    found: list[Any] = [model] if inspect.isfunction(model) else []
    cls = cast("type[Any]", model if inspect.isclass(model) else type(model))
    for base in cls.__mro__:
        found += [base, *filter(None, map(_function, vars(base).values()))]
    return [one for one in found if _is_own(one)]


def _function(value: Any) -> Callable[..., Any] | None:
    bare = getattr(value, "__func__", value)  # behind staticmethod and classmethod
    return bare if inspect.isfunction(bare) else None


def _is_own(holder: Any) -> bool:
    module = str(getattr(holder, "__module__", ""))
    is_local = module == "__main__" or "<locals>" in str(getattr(holder, "__qualname__", ""))
    return is_local and "__annotations__" in (vars(holder) if inspect.isclass(holder) else dir(holder))
