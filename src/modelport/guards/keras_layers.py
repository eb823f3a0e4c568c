"""Which parts of a Keras model's configuration can run code of their own."""

from __future__ import annotations

from typing import Any, cast

KERAS = ("keras", "tf_keras", "builtins")
# Python functions in bytes, pickled torch modules, and programs in files elsewhere.
CODE_CLASSES = ("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer")
MAX_SHOWN = 5


def danger_of_layers(config: Any) -> str:
    """What loading a model of this configuration could do; empty where it has Keras's own layers only."""
    found: dict[str, None] = {}
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(cast("list[Any]", value))
        elif isinstance(value, dict):
            known = cast("dict[str, Any]", value)
            waiting.extend(known.values())
            found.update(dict.fromkeys(_code_of(known)))
    if not found:
        return ""
    shown = ", ".join(sorted(found)[:MAX_SHOWN])
    return f"has parts that can run any code when it is loaded ({shown})"


def _code_of(value: dict[str, Any]) -> list[str]:
    name = value.get("class_name")
    if not isinstance(name, str):
        return []
    if name in CODE_CLASSES:
        return [name.strip("_")]
    module = value.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in KERAS:
        return [f"{module}.{name}"]
    return []
