"""The array contract: models that take arrays and tables of rows, whatever framework they are of."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any, cast

import msgspec

from modelport.contract.arrays.adapter import ArrayAdapter, CellsRefused, Input
from modelport.contract.arrays.batches import ROWS_AT_ONCE, apart, groups, rows_of, together
from modelport.contract.arrays.description import argument_of
from modelport.contract.arrays.example_rows import shown_rows
from modelport.contract.arrays.findings import MISSING, Fault, Findings, wrong_length
from modelport.contract.arrays.option_values import OptionValues
from modelport.contract.arrays.parts import Part, whole_of
from modelport.contract.arrays.rows import TableRows
from modelport.contract.arrays.sent_columns import SentColumns
from modelport.contract.arrays.table_inputs import Reader, TableInputs
from modelport.contract.arrays.text import value_of_text
from modelport.contract.arrays.values import ArrayValues
from modelport.contract.errors import ArgumentErrors, ModelLoadError
from modelport.contract.metadata import metadata_of
from modelport.contract.model_options import Column, ModelOptions
from modelport.contract.places import MISSING as NOT_SENT
from modelport.contract.places import Places
from modelport.contract.plain import without_labels
from modelport.contract.repeated import why_repeated
from modelport.contract.row_columns import RowColumns
from modelport.contract.served import ObjectBinding
from modelport.contract.signature import Operation, Signature
from modelport.contract.unknown_arguments import ignored_words, unknown_arguments, unknown_words
from modelport.contract.uploaded_file import is_uploaded_file as is_upload

BATCH_SIZE = 64  # calls that go to the model together, if so many wait
NO_ROWS: Fault = ("too_short", "Input should have at least 1 row, not 0")


class ArrayModel:
    """A model of the array contract, as the worker sees it.

    Raises `ModelLoadError` where the options do not fit the model.
    """

    def __init__(self, adapter: ArrayAdapter, name: str, options: ModelOptions):
        self.adapter = adapter
        self.alone = not adapter.batches
        inputs = [_as_asked(given, options, len(adapter.inputs)) for given in adapter.inputs]
        self.readers: dict[str, Reader] = {}
        arguments: dict[str, str] = {}
        for number, given in enumerate(inputs):
            argument = options.rows_argument if options.rows_argument and number == 0 else given.name
            arguments[given.name] = argument
            self.readers[given.name] = _reader(given, argument, options)
        self.tables = TableInputs(self.readers)
        self.options = OptionValues(adapter.options)
        self._known = dict.fromkeys([*arguments.values(), *self.options.names])  # in order
        only = next(iter(self.readers.values())) if len(self.readers) == 1 else None
        self._table = only if isinstance(only, TableRows) and self.options.are_optional else None
        problems: list[str] = []
        self.signature = Signature(
            name=name,
            contract="array",
            metadata=metadata_of(_Described(adapter), name, problems),
            predict=Operation(
                implemented=True,
                arguments=[*(argument_of(i, arguments[i.name]) for i in inputs), *adapter.options],
                max_batch_size=1 if self.alone else BATCH_SIZE,
            ),
            problems=problems,
        )

    def setup(self) -> None:
        """Nothing: it was set up when it was loaded."""

    def warm(self) -> None:
        """Nothing: what a first prediction costs is known to the framework alone."""

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        """The arrays by the names of the inputs, and every option. Raises `ArgumentErrors`."""
        found = Findings()
        inputs: dict[str, Any] = {}
        if places.body is None and places.unread is not None:
            raise places.unread
        if places.query or places.form or not places.json.keys() <= self._known.keys():
            self._find_unknown(places, found)
        if places.body is not None:
            inputs = self.tables.of_body(places.body, places, found)
            if inputs:
                places.unread = None
        for name, reader in self.readers.items():
            if places.body is not None and (name in inputs or found):
                continue
            value = self._sent(reader, places, found)
            if is_upload(value):
                inputs[name] = self.tables.of_upload(value, reader, found)
            elif value is not NOT_SENT:
                inputs[name] = reader.read(value, found)
            elif reader.input.required:
                found.add((reader.argument,), MISSING)
        values = self.options.read(places, found)
        if not found and not self.alone and len(inputs) > 1:
            self._check_rows(inputs, found)
        found.raise_if_any()
        return inputs | values

    def _find_unknown(self, places: Places, found: Findings) -> None:
        if places.lenient:
            places.ignored = ignored_words(places, self._known.keys(), [])
            return
        for name in unknown_arguments(places, self._known.keys()):
            words = unknown_words(name, self._known)
            if self._table is not None and name in self._table.names:
                rows = f'{{"{self._table.argument}": {shown_rows(self._table.input)}}}'
                words = f"Unknown argument, which is a column: send rows, such as {rows}"
            found.add((name,), ("unexpected_keyword_argument", words))

    def object_binding(self, verb: str) -> ObjectBinding | None:
        return None  # the rows of several requests are read together

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        """The rows of requests that have sent nothing but rows, as JSON, in one array."""
        table = self._table
        if table is None or self.alone:
            return None
        argument, keys = table.argument, {table.argument}
        for places in several:
            if places.json.keys() != keys or places.query or places.form or places.body is not None:
                return None
        parts = table.read_together([places.json[argument] for places in several], ROWS_AT_ONCE)
        if parts is None:
            return None
        return [{table.input.name: part, **self.options.defaults} for part in parts]

    def _sent(self, reader: Reader, places: Places, found: Findings) -> Any:
        place, given = places.find(reader.argument)
        if place == "form" and is_upload(given[0]):
            if why := why_repeated(places, reader.argument, place, given):
                found.add((reader.argument,), ("value_error", why))
                found.raise_if_any()  # it is there: nobody is told that it is missing
            return given[0]
        if place in ("query", "form"):
            return value_of_text(given, reader.input, reader.argument, found)
        return given

    def _check_rows(self, inputs: dict[str, Any], found: Findings) -> None:
        """Inputs whose rows belong together have as many of them."""
        first, *others = inputs
        count = rows_of(inputs[first])
        for name in others:
            if rows_of(inputs[name]) != count:
                argument = self.readers[name].argument
                found.add((argument,), wrong_length("Input", rows_of(inputs[name]), count))

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        if verb != "predict":
            raise NotImplementedError(f"Not implemented by underlying model (loaded {self.signature.name!r})")
        return self._predicted(*self._divided(arguments))

    def _divided(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        inputs = {name: _array(arguments[name]) for name in self.readers if name in arguments}
        return inputs, {name: arguments[name] for name in self.options.names if name in arguments}

    def _predicted(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        try:
            return self.adapter.predict(inputs, options)
        except ArgumentErrors:
            raise
        except CellsRefused as error:
            found = Findings()
            argument = next(iter(self.readers.values())).argument
            for row, column, fault in error.cells:
                found.add((argument, row, column), fault)
            found.raise_if_any()
            raise
        except Exception:
            empty = [name for name, array in inputs.items() if not rows_of(array)]
            found = Findings()
            for name in empty:  # few models take no rows at all; those that do have answered
                found.add((self.readers[name].argument,), NO_ROWS)
            found.raise_if_any()
            raise

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        """Predict several calls: those with equal options in one prediction, divided by rows."""
        if self._table is not None:
            name = self._table.input.name
            parts = [arguments.get(name) for arguments in calls]
            if whole_of(parts) is not None:
                return self._group(calls, [{name: part} for part in parts])
        divided = [self._divided(arguments) for arguments in calls]
        results: list[Any] = [None] * len(calls)
        for members in groups(divided):
            inputs = [divided[number][0] for number in members]
            answers = self._group([calls[number] for number in members], inputs)
            for number, answer in zip(members, answers, strict=True):
                results[number] = answer
        return results

    def _group(self, calls: list[dict[str, Any]], inputs: list[dict[str, Any]]) -> list[Any]:
        """The answers to calls that can be predicted together; `inputs` are those of each."""
        if len(calls) > 1 and not self.alone:
            counts = [rows_of(next(iter(one.values()))) for one in inputs]
            try:
                result = self._predicted(together(inputs), self._divided(calls[0])[1])
            except Exception:  # each is tried by itself: only those that are to blame shall fail
                return [self._tried(arguments) for arguments in calls]
            parts = apart(result, counts)
            if parts is not None:
                return parts
            self.alone = True
            logging.getLogger("modelport").warning(
                "%s: the model did not answer %d rows with %d predictions; requests are predicted one by one",
                self.signature.name,
                sum(counts),
                sum(counts),
            )
        return [self._tried(arguments) for arguments in calls]

    def _tried(self, arguments: dict[str, Any]) -> Any:
        """The answer, or the exception: in a batch, a call fails for itself."""
        try:
            return self._predicted(*self._divided(arguments))
        except Exception as error:  # the model's own code
            return error

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        """Predictions are in the order of the rows: an index, as of a Parquet file, is none of theirs."""
        if isinstance(value, dict):
            outputs = cast("dict[Any, Any]", value).items()
            return {name: without_labels(output) for name, output in outputs}
        return without_labels(value)

    def check_values(self, value: Any) -> Any:
        return self.check_answer(value)


class _Described:
    """What an adapter says of its model, in the form of `get_metadata`."""

    def __init__(self, adapter: ArrayAdapter):
        self.adapter = adapter

    def get_metadata(self) -> dict[str, Any]:
        return {"framework": self.adapter.framework} | self.adapter.metadata


def _array(value: Any) -> Any:
    return value.alone() if type(value) is Part else value


def _reader(given: Input, argument: str, options: ModelOptions) -> Reader:
    if given.as_frame and not given.names and len(given.shape) in (0, 2):
        return SentColumns(given, argument)
    if len(given.shape) != 2:
        return ArrayValues(given, argument)
    validator = RowColumns(given.columns) if options.validate_columns and given.names else None
    return TableRows(given, argument, validator)


def _as_asked(given: Input, options: ModelOptions, count: int) -> Input:
    """An input with what the operator says of it."""
    changes: dict[str, Any] = {}
    if options.dtype and given.dtype not in ("str", "object"):
        changes["dtype"] = options.dtype
    if count == 1 and options.columns and len(given.shape) in (0, 2):
        changes |= _columns(given, options.columns)
    if options.rows_as in ("numpy", "pandas") and len(changes.get("shape", given.shape)) == 2:
        # mlup's default is numpy, with which a model that selects its columns by name fails every request.
        changes["as_frame"] = options.rows_as == "pandas" or (given.as_frame and bool(given.names))
        if changes["as_frame"] and find_spec("pandas") is None:
            raise ModelLoadError("rows_as: pandas is not installed; pip install 'modelport[table]'")
    return msgspec.structs.replace(given, **changes) if changes else given


def _columns(given: Input, columns: list[Column]) -> dict[str, Any]:
    width = len(given.columns) or (given.shape[1] if given.shape else None)
    if width is not None and width != len(columns):
        raise ModelLoadError(
            f"columns: {len(columns)} are described, but the model takes {width}; describe each, in order"
        )
    known, named = given.names, [column.name for column in columns]
    if known and given.underscores:
        known, named = ([name.replace(" ", "_") for name in names] for names in (known, named))
    if known and set(named) != set(known):
        raise ModelLoadError(f"columns: the model's own are {', '.join(given.names)}")
    ordered = [columns[named.index(name)] for name in known] if known else columns
    if given.columns:
        ordered = list(map(_both, ordered, given.columns))
    first = given.shape[0] if given.shape else None
    return {"columns": ordered, "shape": [first, len(columns)]}


def _both(said: Column, own: Column) -> Column:
    """What the operator says of a column, with what the model knows of it."""
    return msgspec.structs.replace(
        said,
        type=own.type if said.type == "any" else said.type,
        required=said.required and own.required,
        missing=said.missing or own.missing,
        dtype=said.dtype or own.dtype,
        used=own.used,
    )
