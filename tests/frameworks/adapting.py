"""A saved model, loaded and adapted as a worker does it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter
from modelport.contract.model_options import ModelOptions
from modelport.sources.frameworks.registry import adapter_of


def adapted(framework: str, path: Path, **options: Any) -> ArrayAdapter:
    """The adapter of the model that was saved at `path`."""
    said = ModelOptions(**options)
    module: Any = importlib.import_module(f"modelport.sources.frameworks.{framework}")
    adapter = adapter_of(module.load(path, said), said)
    assert adapter is not None
    return adapter


def predicted(adapter: ArrayAdapter, inputs: dict[str, Any], **options: Any) -> Any:
    """The answer to these inputs, with every option of the model at its default but the given."""
    defaults = {option.name: option.schema.get("default") for option in adapter.options}
    return adapter.predict(inputs, defaults | options)


def columns_of(adapter: ArrayAdapter) -> list[tuple[str, str]]:
    """Names and types of the columns of a model's only input."""
    assert len(adapter.inputs) == 1
    return [(column.name, column.type) for column in adapter.inputs[0].columns]
