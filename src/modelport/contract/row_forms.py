"""Rows of a request in the form that a Python object wants them: lists, arrays, frames or tensors."""

from __future__ import annotations

import importlib
from typing import Any, cast

from modelport.contract.arrays.findings import Fault, Findings
from modelport.contract.errors import ModelLoadError
from modelport.contract.hints import bare
from modelport.contract.model_options import ModelOptions

# The library of each form, and the packages whose classes a hint may name.
LIBRARIES = {"numpy": "numpy", "pandas": "pandas", "tensorflow": "tensorflow", "torch": "torch"}
ARRAY_PACKAGES = frozenset(LIBRARIES.values())


class RowForms:
    """Turns rows into the form that the options ask for, or the hint of the parameter that takes them.

    Raises `ModelLoadError` if the library of that form is not installed.
    """

    def __init__(self, options: ModelOptions, hint: Any = None):
        module = str(getattr(bare(hint), "__module__", "") or "").partition(".")[0]
        self.form = options.rows_as or (module if module in ARRAY_PACKAGES else "")
        self.dtype = options.dtype or None
        self.names = [column.name for column in options.columns]
        self.library: Any = None
        if self.form in LIBRARIES:
            try:
                self.library = importlib.import_module(LIBRARIES[self.form])
            except ImportError:
                raise ModelLoadError(
                    f"its rows are asked for as {self.form}, which is not installed: pip install {self.form}"
                ) from None

    def of(self, rows: list[Any], argument: str, found: Findings) -> Any:
        """The rows in this form. Rows that do not fit into it are put into `found`."""
        if self.library is None:
            return rows
        try:
            return self._made(rows)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            fault: Fault = ("rows_form", f"Input should be rows for {self.form}: {str(error)[:200]}")
            found.add((argument,), fault)
            return None

    def _made(self, rows: list[Any]) -> Any:
        if self.form == "pandas":
            columns = self.names if self.names and not _are_objects(rows) else None
            frame = self.library.DataFrame(rows, columns=columns)
            return frame.astype(self.dtype) if self.dtype else frame
        values = [self._values(row) for row in rows]
        if self.form == "numpy":
            return self.library.array(values, dtype=self.dtype)
        dtype = getattr(self.library, self.dtype) if self.dtype else None
        make = self.library.tensor if self.form == "torch" else self.library.convert_to_tensor
        return make(values, dtype=dtype)

    def _values(self, row: Any) -> Any:
        """The values of an object, in the order of the columns or else of its keys."""
        if not isinstance(row, dict):
            return row
        cells = cast("dict[str, Any]", row)
        if self.names and set(self.names) <= cells.keys():
            return [cells[name] for name in self.names]
        return list(cells.values())


def _are_objects(rows: list[Any]) -> bool:
    return bool(rows) and all(isinstance(row, dict) for row in rows)
