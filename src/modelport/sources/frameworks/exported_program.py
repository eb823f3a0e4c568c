"""Programs of `torch.export`: their inputs, and whether any number of rows fits."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.frameworks.border import FunctionAdapter
from modelport.sources.frameworks.tensors import answer_of, numpy_type, tensor_of

UNBOUNDED = 1 << 31  # torch writes "no limit" as a very large number


def adapt_exported(torch: Any, program: Any, options: ModelOptions) -> ArrayAdapter:
    """An adapter for an `ExportedProgram`. Raises `ModelLoadError` for inputs that are no tensors."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    slots: list[tuple[str, Any]] = []
    for spec in program.graph_signature.input_specs:
        if spec.kind.name == "USER_INPUT":
            slots.append((spec.arg.name, values[spec.arg.name]))
    inputs = [_input(name, value) for name, value in slots if isinstance(value, torch.Tensor)]
    for name, value in slots:
        if not isinstance(value, (torch.Tensor, bool, int, float, str, type(None))):
            raise ModelLoadError(
                f"its input {name!r} is a {type(value).__name__}: export it with tensors as inputs"
            )
    return FunctionAdapter(
        framework="torch",
        metadata={"model": "ExportedProgram", "torch": str(torch.__version__)},
        inputs=inputs,
        options=[],
        batches=_rows_are_free(torch, program, [value for _, value in slots]),
        run=partial(_run, torch, program.module(), program.call_spec.in_spec, (slots, options)),
    )


def _run(
    torch: Any,
    module: Any,
    structure: Any,
    about: tuple[list[tuple[str, Any]], ModelOptions],
    given: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    slots, model_options = about
    # What was no tensor when the program was exported is part of it, and is passed as it was.
    leaves = [
        tensor_of(torch, given[name], _type_name(example)) if isinstance(example, torch.Tensor) else example
        for name, example in slots
    ]
    pytree: Any = importlib.import_module("torch.utils._pytree")
    arguments, named = pytree.tree_unflatten(leaves, structure)
    with torch.inference_mode():
        result = module(*arguments, **named)
    return answer_of(torch, result, model_options.first_output)


def _input(name: str, value: Any) -> Input:
    return Input(
        name=name,
        dtype=numpy_type(_type_name(value)),
        shape=[size if isinstance(size, int) else None for size in value.shape],
    )


def _type_name(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _rows_are_free(torch: Any, program: Any, inputs: list[Any]) -> bool:
    """Whether the first axis of all inputs and outputs is one free length without an upper bound."""
    output = next(node for node in program.graph.nodes if node.op == "output")
    answers: list[Any] = [getattr(node, "meta", {}).get("val") for node in output.args[0]]
    tensors: list[Any] = [value for value in [*inputs, *answers] if isinstance(value, torch.Tensor)]
    firsts: list[Any] = [value.shape[0] if value.dim() else 1 for value in tensors]
    if not firsts or any(isinstance(first, int) for first in firsts) or len({str(f) for f in firsts}) != 1:
        return False
    bounds = program.range_constraints.get(firsts[0].node.expr)
    return bounds is not None and bool(bounds.upper > UNBOUNDED) and bool(bounds.lower <= 1)
