"""What `modelport check` finds in a model's own code: defaults that do not fit, names that are misspelt."""

from __future__ import annotations

import inspect
import multiprocessing.process
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pydantic

from modelport.contract.nearest import nearest
from modelport.contract.own_settings import NAMES
from modelport.contract.served import ServedModel
from modelport.contract.typed import TypedModel

FUNCTIONS = ("predict", "train", "validate", "setup", "warm", "load_model", "predict_batch", "get_metadata")
OF_DEEPAAS = ("get_predict_args", "get_train_args", "get_validate_args", "schema")
SETTINGS = ("max_batch_size", "max_wait_ms", "max_concurrency", "resumable", "metadata", *NAMES)
ALSO = {"warmup": "warm", "warm_up": "warm", "batch_predict": "predict_batch", "load": "load_model"}
NEAR = 0.75  # two letters that changed places in `train` are 0.8


@dataclass(frozen=True)
class Finding:
    """One problem. An error keeps the model, or a function of it, from working; a warning does not."""

    level: Literal["error", "warning"]
    problem: str
    remedy: str


class StartedProcesses:
    """Notices processes that are made from now on, by `multiprocessing` or `os.fork`."""

    def __init__(self) -> None:
        self._before = _processes_made()
        self._forks: list[None] = []
        os.register_at_fork(before=lambda: self._forks.append(None))

    def findings(self) -> Iterator[Finding]:
        """What there is to say of them, if there are any."""
        if self._forks or _processes_made() != self._before:
            yield Finding(
                "warning", "loading it starts processes: each worker, each job and each process that is "
                "spawned loads it again, and starts them again",
                "start them where they are needed: in warm(), predict() or train()",
            )  # fmt: skip


def _processes_made() -> str:
    """`multiprocessing`'s own count of the processes that were made."""
    return repr(getattr(multiprocessing.process, "_process_counter", None))


def problems_of_defaults(model: TypedModel) -> Iterator[Finding]:
    """Defaults that break their own hint: every call that leaves the argument out passes one."""
    for name, verb in model.verbs.items():
        for key, default in verb.plain_defaults.items() if verb is not None else ():
            adapter = verb.adapters[key]  # pyright: ignore[reportOptionalMemberAccess]
            if "enum" in next(a.schema for a in verb.arguments if a.name == key):  # pyright: ignore
                continue  # its choices are looked at by what is said of it
            try:
                adapter.validate_python(default)
            except pydantic.ValidationError as error:
                what = f"{name}(): the argument {key!r} has the default {default!r}"
                if default is None:
                    remedy = f"add | None to the type of {key!r}"
                    yield Finding("warning", f"{what}, which clients cannot send", remedy)
                    continue
                said = error.errors()[0]["msg"]
                remedy = "change the default or the type: who leaves it out gets this value"
                yield Finding("error", f"{what}, which does not fit its type: {said}", remedy)


def misspelt_names(model: ServedModel) -> Iterator[Finding]:
    """Functions and settings that nothing asks for, though their names are near to one that is known."""
    own: Any = getattr(model, "model", None)
    deepaas = model.signature.contract == "deepaas"
    if model.signature.contract not in ("typed", "deepaas"):
        return  # somebody else's class: its other methods are its own affair
    functions = (*FUNCTIONS, *OF_DEEPAAS) if deepaas else FUNCTIONS
    present = _own_names(own)
    for name, value in present.items():
        known = functions if callable(value) else SETTINGS
        if name in known or name.startswith("_"):
            continue
        meant = ALSO.get(name) if callable(value) else None
        near = [one for one in nearest(name, known, NEAR) if abs(len(one) - len(name)) <= 1]
        found = meant or next(iter(near), None)
        if found is not None and found not in present:
            call = "()" if callable(value) else ""
            yield Finding(
                "warning", f"{name}{call} is never used: a model has {found}{call}",
                f"call it {found}, if that is what it is; or begin its name with _",
            )  # fmt: skip


def _own_names(own: Any) -> dict[str, Any]:
    """What the writer of the model has defined: of a module, or of the classes up to one of ours."""
    if inspect.ismodule(own):
        module = own.__name__
        return {
            name: value for name, value in vars(own).items() if getattr(value, "__module__", module) == module
        }
    classes = [
        cls for cls in type(own).__mro__ if cls.__module__.partition(".")[0] not in ("modelport", "builtins")
    ]
    return {name: value for cls in reversed(classes) for name, value in vars(cls).items()}
