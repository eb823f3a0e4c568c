"""Arrays of any number of axes out of JSON: lists in lists, checked level by level."""

from __future__ import annotations

from itertools import chain
from typing import Any, cast

import numpy

from modelport.contract.arrays import packing
from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.cells import Rule, column_values, flat_array, rule_of
from modelport.contract.arrays.findings import LIST_TYPE, Fault, Findings, Step, wrong_length
from modelport.contract.arrays.sent_arrays import fitted

MAX_AXES = 32
RAGGED: Fault = ("ragged", "Lists that stand side by side should have the same length")
TOO_DEEP: Fault = ("too_deep", f"Lists should not nest deeper than {MAX_AXES}")
MIXED: Fault = ("ragged", "Input should be lists throughout, or values throughout")


class ArrayValues:
    """Reads one input of any shape; without a shape the values themselves say it."""

    def __init__(self, given: Input, argument: str):
        self.input = given
        self.argument = argument
        self.shape = given.shape
        self.rule = _rule(given)

    def read(self, value: Any, found: Findings) -> Any:
        """The value as an array; what is wrong with it goes into `found`."""
        if type(value) is numpy.ndarray:
            array = fitted(value, self.shape, self.rule)
            if array is not None:
                return array
            value = value.tolist()
        if type(value) is dict or (self.shape and type(value) is not list):
            found.add((self.argument,), LIST_TYPE)
            return None
        if not self.shape:
            value = _in_key_order(value)
        flat, lengths = self._flat(value, found)
        if found:
            return None
        kept = column_values(flat, self.rule, found, lambda i: (self.argument, *_position(i, lengths)))
        if found:
            return None
        if self.shape and lengths[0] == 0:
            return packing.empty(self.shape, self.rule.dtype)
        if not self.input.dtype and str not in set(map(type, kept)):
            return numpy.array(kept).reshape(lengths)  # whatever numpy makes of these numbers
        return flat_array(kept, self.rule.dtype).reshape(lengths)

    def _flat(self, value: Any, found: Findings) -> tuple[list[Any], list[int]]:
        """Every value in order, and the length of each axis."""
        level: list[Any] = [value]
        lengths: list[int] = []
        axes = len(self.shape) or None
        while axes is None or len(lengths) < axes:
            kinds = set(map(type, level))
            if list not in kinds and axes is None:
                break
            if kinds - {list}:
                return self._stopped(found, level, lengths)
            widths = set(map(len, level))
            expected = self.shape[len(lengths)] if self.shape else None
            if len(widths) > 1 or (expected is not None and widths - {expected}):
                self._wrong_widths(level, lengths, expected, found)
                return [], lengths
            if axes is None and len(lengths) == MAX_AXES:
                found.add((self.argument,), TOO_DEEP)
                return [], lengths
            lengths.append(widths.pop() if widths else (expected or 0))
            level = list(chain.from_iterable(level))
            if not level and axes is None:
                break
        return level, lengths

    def _stopped(self, found: Findings, level: list[Any], lengths: list[int]) -> tuple[list[Any], list[int]]:
        """A value where a list should be."""
        fault = LIST_TYPE if self.shape else MIXED
        for index, item in enumerate(level):
            if type(item) is not list:
                found.add((self.argument, *_position(index, lengths)), fault)
        return [], lengths

    def _wrong_widths(
        self, level: list[Any], lengths: list[int], expected: int | None, found: Findings
    ) -> None:
        usual = expected if expected is not None else len(level[0])
        for index, item in enumerate(level):
            if len(item) != usual:
                fault = wrong_length("List", len(item), usual) if expected is not None else RAGGED
                found.add((self.argument, *_position(index, lengths)), fault)


def _rule(given: Input) -> Rule:
    kind = given.columns[0].type if len(given.columns) == 1 else "any"
    missing = given.allows_missing and given.dtype in ("", "str", "object", "float64", "float32", "float16")
    return rule_of(kind, given.dtype, missing)


def _in_key_order(value: Any) -> Any:
    """Objects as rows of their values, in the order of the first one's keys, where that fits them all."""
    rows: list[Any] = cast("list[Any]", value) if type(value) is list else []
    if rows and set(map(type, rows)) == {dict}:
        keys = list(rows[0])
        if all(row.keys() == rows[0].keys() for row in rows):
            return [[row[key] for key in keys] for row in rows]
    return cast("Any", value)


def _position(index: int, lengths: list[int]) -> tuple[Step, ...]:
    """Where item number `index` of a flattened array stands; the innermost axis first, then turned round."""
    steps: list[Step] = []
    for length in reversed(lengths):
        if length:
            index, step = divmod(index, length)
            steps.append(step)
    return tuple(reversed(steps))
