"""Data frames, their columns and their elements, of pandas, Polars and Arrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from modelport.contract.plain import key_texts, plain

COLUMNS = "columns of a table"


def table_form(kind: type[object]) -> Callable[[Any], Any] | None:
    """What makes values of one of these packages' types plain; `None` if it is nothing special."""
    if kind.__name__ in ("NaTType", "NAType"):
        return lambda value: None
    if hasattr(kind, "iloc"):
        return _frame if hasattr(kind, "columns") else _series
    if hasattr(kind, "to_dicts"):  # Polars
        return lambda value: plain(value.to_dicts())
    if hasattr(kind, "to_list") and hasattr(kind, "to_frame") and not hasattr(kind, "get_level_values"):
        return lambda value: plain(value.to_list())  # a column of Polars
    if hasattr(kind, "to_pylist"):
        return _arrow
    if hasattr(kind, "as_py"):
        return lambda value: plain(value.as_py())
    if kind.__name__ == "Period":
        return _period
    if kind.__name__ == "Interval":
        return _interval
    if hasattr(kind, "dtype") and hasattr(kind, "tolist"):  # an index, or an array of pandas' own
        return column_values
    return None


def without_labels(value: Any) -> Any:
    """A table or column of pandas whose rows are told by their order alone; anything else as it is."""
    return value.reset_index(drop=True) if hasattr(cast("object", type(value)), "iloc") else value


def _frame(value: Any) -> Any:
    names = list(value.columns)
    columns = [column_values(value.iloc[:, number]) for number in range(len(names))]
    index = value.index
    if _is_labelled(index):
        several = index.nlevels > 1
        for level in reversed(range(index.nlevels)):
            name = index.names[level]
            names.insert(0, name if name is not None else f"level_{level}" if several else "index")
            columns.insert(0, column_values(index.get_level_values(level)))
    texts = key_texts(names, COLUMNS)
    if not columns:
        return [{} for _ in range(len(value))]
    return [dict(zip(texts, row, strict=True)) for row in zip(*columns, strict=True)]


def _series(value: Any) -> Any:
    cells = column_values(value)
    if not _is_labelled(value.index):
        return cells
    return dict(zip(key_texts(value.index, "labels of a Series"), cells, strict=True))


def _is_labelled(index: Any) -> bool:
    """False for an index that only numbers the rows, or what is left of such an index."""
    return index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu"


def column_values(column: Any) -> list[Any]:
    """The cells of a Series, an Index or an array of pandas."""
    import numpy

    dtype: Any = column.dtype
    if isinstance(column.dtype, numpy.dtype) and getattr(column, "nlevels", 1) == 1:
        from modelport.contract.plain_arrays import array_values

        return array_values(column.to_numpy())
    if hasattr(dtype, "categories"):
        categories: list[Any] = [*column_values(dtype.categories), None]  # the code of what is missing is -1
        return [categories[code] for code in getattr(column, "array", column).codes]
    cells: list[Any] = [plain(cell) for cell in column.tolist()]
    if getattr(dtype, "kind", "O") == "f":
        return cells  # of floats NaN is a value beside NA
    return [
        None if cell != cell else cell for cell in cells
    ]  # text, among others, has NaN where it is missing


def _period(value: Any) -> Any:
    """As pandas writes it, such as `2024`, `2024-01` or `2024Q1`; what is shorter than a day by its start."""
    text = str(value)
    return plain(value.start_time) if ":" in text else text


def _interval(value: Any) -> Any:
    left = "[" if value.closed_left else "("
    right = "]" if value.closed_right else ")"
    return f"{left}{plain(value.left)}, {plain(value.right)}{right}"


def _arrow(value: Any) -> Any:
    schema = getattr(value, "schema", None)
    if schema is not None:
        key_texts(schema.names, COLUMNS)
    return plain(value.to_pylist())
