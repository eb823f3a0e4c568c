"""Between numpy's arrays and torch's tensors."""

from __future__ import annotations

import importlib
from typing import Any, cast


def numpy_type(name: str) -> str:
    """The type in which the values of a tensor travel; numpy has no `bfloat16`."""
    return "float32" if name == "bfloat16" else name


def tensor_of(torch: Any, value: Any, name: str) -> Any:
    """A tensor of an array, of the type that torch calls `name`."""
    numpy: Any = importlib.import_module("numpy")
    # A copy, since modules may write into it.
    tensor = torch.from_numpy(numpy.array(value, dtype=numpy_type(name) or None))
    return tensor.to(torch.bfloat16) if name == "bfloat16" else tensor


def answer_of(torch: Any, result: Any, first_only: bool) -> Any:
    """What a module answered with as an array, or as arrays by name; several without names are numbered.

    Raises `TypeError` where it is no tensor, nor a tuple, list or dictionary of some.
    """
    if isinstance(result, torch.Tensor):
        return _array(torch, result)
    if isinstance(result, dict):
        named = {str(name): value for name, value in cast(dict[Any, Any], result).items()}
    elif isinstance(result, (tuple, list)):
        several = cast(list[Any], result)
        keys = getattr(several, "_fields", None) or [f"output_{number}" for number in range(len(several))]
        named = dict(zip(keys, several, strict=True))
    else:
        raise TypeError(f"the module answered with a {type(result).__name__}, not with tensors")
    arrays = {name: _array(torch, value) for name, value in named.items() if isinstance(value, torch.Tensor)}
    if not arrays:
        raise TypeError("the module answered without a tensor")
    return next(iter(arrays.values())) if len(arrays) == 1 or first_only else arrays


def _array(torch: Any, tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).resolve_conj().numpy()
