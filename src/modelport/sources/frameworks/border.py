"""Where frameworks are imported and their errors become ours; one line each, with what to do."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from modelport.contract.arrays.adapter import Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.signature import Argument, TextVerbName
from modelport.guards.errors import FileRefused


@dataclass
class FunctionAdapter:
    """An `ArrayAdapter` whose `predict` is one function. Those `of_text` are for its verbs of text."""

    framework: str
    metadata: dict[str, Any]
    inputs: list[Input]
    options: list[Argument]
    batches: bool
    run: Callable[[dict[str, Any], dict[str, Any]], Any]
    of_text: Mapping[TextVerbName, Callable[..., Any]] = field(default_factory=dict[TextVerbName, Any])

    def predict(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        """Predict; see `ArrayAdapter`."""
        return self.run(inputs, options)


def framework_module(name: str, extra: str) -> Any:
    """Import a module of a framework. Raises `ModelLoadError` with the extra that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == name.partition(".")[0]:
            reason = f"{missing} is not installed"
        else:
            reason = f"{name} cannot be imported ({first_line(error)})"
        raise ModelLoadError(f"{reason}: pip install 'modelport[{extra}]'") from error


@contextmanager
def loading(path: Path, framework: str, advice: str = "") -> Generator[None]:
    """Make every error of a framework that reads `path` a `ModelLoadError` of one line, with `advice`."""
    try:
        yield
    except ModelLoadError:
        raise
    except FileRefused as error:
        raise ModelLoadError(f"{path}: {error}") from error
    except Exception as error:  # frameworks raise what they like on files that are damaged
        after = f"; {advice}" if advice else "; is the file whole?"
        raise ModelLoadError(f"{path}: {framework} cannot load it: {first_line(error)}{after}") from error


def first_line(error: BaseException, limit: int = 300) -> str:
    """The first line of an error that says anything, cut at `limit` characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def switch(name: str, description: str) -> Argument:
    """A boolean argument that is off by default."""
    return Argument(name=name, schema={"type": "boolean", "default": False, "description": description})


def objects(values: list[Any]) -> Any:
    """A one-dimensional numpy array of any values, one for each row: numpy must not look into them."""
    numpy: Any = importlib.import_module("numpy")
    array = numpy.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array


def plain_values(value: Any) -> Any:
    """Numbers and arrays of numpy, wherever they are in lists and dictionaries, as Python's own."""
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value)
        return {key: plain_values(one) for key, one in items.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(one) for one in cast(list[Any], value)]
    return value.tolist() if hasattr(value, "tolist") else value
