"""JSON-ready data out of whatever a model returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec


class EncodedJSON(bytes):
    """JSON that is encoded already."""


def plain(value: Any) -> Any:
    """`value` as dictionaries, lists, text, numbers, booleans and None.

    numpy scalars and arrays, data frames, tensors, dates, Decimal, UUID, Path, enums, dataclasses and
    pydantic models have their natural form; what JSON cannot carry becomes its string. Raises
    `RecursionError` for a cycle.
    """
    return msgspec.to_builtins(value, str_keys=True, enc_hook=natural_form)


def natural_form(value: Any) -> Any:
    """One value that JSON has no form for, one step closer to one. Used as msgspec's hook."""
    if value is None or isinstance(value, bool):  # as a key, which JSON has as text
        return {None: "null", True: "true", False: "false"}[value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy, cupy, jax
        return value.tolist()
    if hasattr(value, "model_dump"):  # pydantic
        return value.model_dump()
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # torch
        return value.detach().cpu().tolist()
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # pandas, polars
        return value.to_dict(orient="records") if hasattr(value, "iloc") else value.to_dicts()
    if hasattr(value, "to_list"):
        return value.to_list()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)  # whatever the class makes of `str(value)`, and so below
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, (list, tuple)):
        return list(cast("list[Any]", value))
    return str(value)
