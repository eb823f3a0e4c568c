"""What people have in hand, in the form that an argument of a model takes.

A table becomes rows, columns, Arrow or CSV; a column a list, a row or an object; a picture an upload. What
has its form already is left as it is.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from modelport.client.frames import Frame, column_of, frame_of, is_series
from modelport.client.plain import is_file, records
from modelport.client.taken import (
    Schema,
    Taken,
    alternatives,
    columns_of,
    takes_file,
    takes_table,
)

ARROW = "application/vnd.apache.arrow.stream"
ARROW_CELLS = 10_000  # a smaller table is as fast as JSON, which the server can predict together with others
# What PNG keeps as it is; TIFF keeps the rest.
PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


def depends(given: Given) -> bool:
    """True if the form of an argument, or its name, depends on what the model takes."""
    return isinstance(given, Unnamed) or any(map(_depends, given.values()))


def _depends(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_array, cast("list[Any]", value)))
    if value is None or isinstance(value, (str, int, float, dict)) or is_file(value):
        return False
    return is_series(value) or _is_frame(value) or _is_array(value)


def fitted(arguments: Mapping[str, Any], taken: Taken, with_arrow: bool = True) -> dict[str, Any]:
    """The arguments in the forms that the model takes. Raises `TypeError` or `ValueError` naming one."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        try:
            found[name] = _fitted(name, value, taken.schema(name), with_arrow)
        except (TypeError, ValueError, ImportError) as error:
            raise type(error)(f"argument {name!r} cannot be sent: {error}") from None
    return found


@dataclass(frozen=True)
class Unnamed:
    """A value that was given without a name, beside others that have one."""

    value: Any
    more: Mapping[str, Any]


Given = Mapping[str, Any] | Unnamed


def given_of(arguments: Any, more: Mapping[str, Any]) -> Given:
    """The arguments of a call: a mapping, or one value without a name, and those that were given by name."""
    if arguments is None:
        return more
    if isinstance(arguments, Mapping):
        return {**cast("Mapping[str, Any]", arguments), **more}
    return Unnamed(arguments, more)


def named(given: Given, taken: Taken) -> Mapping[str, Any]:
    """The arguments, each with a name. Raises `ValueError` where it cannot be told which one a value is."""
    if not isinstance(given, Unnamed):
        return given
    value, more = given.value, given.more
    wanted: Callable[[Schema], bool] | None = None
    if is_picture(value) or is_file(value):
        wanted = takes_file
    elif _is_frame(value) or is_series(value):
        wanted = takes_table
    return {taken.only(wanted, more): value, **more}


def is_picture(value: Any) -> bool:
    """True for an image of Pillow."""
    kinds = type(value).__mro__
    return any(each.__module__ == "PIL.Image" and each.__name__ == "Image" for each in kinds)


def _fitted(name: str, value: Any, schema: Schema, with_arrow: bool) -> Any:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if any(is_picture(item) for item in items) or (takes_file(schema) and any(map(_is_array, items))):
            return [_upload(f"{name}{number}", item) for number, item in enumerate(items, 1)]
        return items
    if is_picture(value):
        return _upload(name, value)
    if is_file(value):
        return value
    if (frame := frame_of(value)) is not None:
        return _frame_fitted(name, frame, schema, with_arrow)
    if is_series(value):
        return _series_fitted(value, schema)
    if _is_array(value):
        if takes_file(schema):
            return _upload(name, value)
        return _array_fitted(name, value, schema, with_arrow)
    return value


# -- tables ----------------------------------------------------------------------------------------------


def _frame_fitted(name: str, frame: Frame, schema: Schema, with_arrow: bool) -> Any:
    frame = frame.with_index(_index_wanted(frame, schema))
    if takes_file(schema):
        return (f"{name}.csv", _csv(frame), "text/csv")
    if takes_table(schema):
        is_large = frame.rows * len(frame.names) > ARROW_CELLS and with_arrow
        content = frame.arrow() if is_large else None
        return {"columns": frame.names, "rows": _rows(frame)} if content is None else (name, content, ARROW)
    for each in alternatives(schema):
        kind = each.get("type")
        if kind == "object":
            return dict(zip(frame.names, frame.columns(), strict=True))
        if kind == "array":
            return _of_items(frame, each.get("items", {}))
    if schema.get("type") in (None, "array", "object"):
        return records(frame)
    raise TypeError(f"a table, where the model takes {schema['type']}")


def _of_items(frame: Frame, items: Schema) -> Any:
    """A frame as a list: of objects, of lists, or of the values of its only column."""
    kinds = [each.get("type") for each in alternatives(items)]
    if "object" in kinds or None in kinds:
        return records(frame)
    if "array" in kinds:
        return _rows(frame)
    if len(frame.names) == 1:
        return frame.columns()[0]
    raise TypeError(f"a table of {len(frame.names)} columns, where the model takes a list of {kinds[0]}")


def _index_wanted(frame: Frame, schema: Schema) -> list[str]:
    """The named parts of an index that the model takes as columns: all, where it takes any columns."""
    free = [name for name in frame.index_names() if name not in frame.names]
    if takes_table(schema) and "items" in schema:  # the rows of an estimator, which looks at no index
        known = columns_of(schema)
        return [name for name in free if name in known]
    return free


def _rows(frame: Frame) -> list[list[Any]]:
    return [list(row) for row in zip(*frame.columns(), strict=True)]


def _csv(frame: Frame) -> bytes:
    if frame.library == "pandas":
        return frame.source.to_csv(index=False).encode()
    if frame.library == "polars":
        return frame.source.write_csv().encode()
    written = io.BytesIO()
    importlib.import_module("pyarrow.csv").write_csv(frame.source, written)
    return written.getvalue()


def _series_fitted(series: Any, schema: Schema) -> Any:
    """A column as a list or as a table of one column, or a row as such, whichever the model takes."""
    values: list[Any] = column_of(series) if hasattr(series, "index") else series.to_list()
    labels = [str(label) for label in series.index] if hasattr(series, "index") else []
    if takes_table(schema):
        known = columns_of(schema)
        if known and set(known) <= set(labels):
            return {"columns": labels, "rows": [values]}
        rows = [[value] for value in values]
        return rows if series.name is None else {"columns": [str(series.name)], "rows": rows}
    if any(each.get("type") == "object" for each in alternatives(schema)):
        return dict(zip(labels, values, strict=True))
    return values


# -- arrays and pictures ---------------------------------------------------------------------------------


def _is_array(value: Any) -> bool:
    """True for an array of numpy with axes."""
    return (
        hasattr(value, "__array_interface__") and bool(getattr(value, "ndim", 0)) and hasattr(value, "dtype")
    )


def _is_frame(value: Any) -> bool:
    return frame_of(value) is not None


def _array_fitted(name: str, array: Any, schema: Schema, with_arrow: bool) -> Any:
    fields = getattr(array.dtype, "names", None)
    if fields and takes_table(schema):
        return {"columns": list(fields), "rows": array.tolist()}
    is_rows = takes_table(schema) and "items" in schema and array.ndim == 2
    known = columns_of(schema) or [str(number) for number in range(array.shape[-1])]
    if is_rows and with_arrow and array.size > ARROW_CELLS and len(known) == array.shape[1]:
        content = _arrow_of_array(array, known)
        return array if content is None else (name, content, ARROW)
    return array


def _arrow_of_array(array: Any, names: list[str]) -> bytes | None:
    try:
        pyarrow = importlib.import_module("pyarrow")
        columns = [pyarrow.array(column.copy(), from_pandas=True) for column in array.T]
        table = pyarrow.table(columns, names=names)
    except (ImportError, TypeError, ValueError):
        return None
    found = frame_of(table)
    return None if found is None else found.arrow()


def _upload(name: str, value: Any) -> Any:
    """A picture as a file: PNG, or TIFF for what PNG would change."""
    if is_file(value):
        return value
    if not is_picture(value):
        value = _picture_of(value)
    form = "png" if value.mode in PNG_MODES else "tiff"
    options: dict[str, Any] = {"exif": exif} if (exif := value.getexif()) else {}
    written = io.BytesIO()
    value.save(written, form, **options)
    return (f"{name}.{form}", written.getvalue(), f"image/{form}")


def _picture_of(array: Any) -> Any:
    if str(getattr(array, "dtype", "")) not in ("uint8", "bool"):
        kind = getattr(array, "dtype", type(array).__name__)
        raise TypeError(
            f"the model takes a file; an array of uint8 can be sent as a picture, not one of {kind}"
        )
    try:
        pillow: Any = importlib.import_module("PIL.Image")
    except ImportError:
        raise ImportError("an array is sent as a picture by Pillow: pip install pillow") from None
    return pillow.fromarray(array)
