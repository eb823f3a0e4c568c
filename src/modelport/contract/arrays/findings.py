"""What is wrong with the rows of a request, collected until there is enough of it."""

from __future__ import annotations

from typing import Any

from modelport.contract.errors import ArgumentErrors
from modelport.contract.field_messages import MISSING_MESSAGE, put_message

MAX_FINDINGS = 100  # messages in one answer: a table with a wrong column has one for each row
MAX_NAME = 100  # characters of a name that a client sent, where it is repeated to the client

Step = str | int
Fault = tuple[str, str]  # pydantic's type of the error, and its words

LIST_TYPE: Fault = ("list_type", "Input should be a valid list")
MISSING: Fault = ("missing", "Field required")
UNKNOWN: Fault = ("extra_forbidden", "Extra inputs are not permitted")
FLOAT_TYPE: Fault = ("float_type", "Input should be a valid number")
NOT_FINITE: Fault = ("finite_number", "Input should be a finite number")
INT_TYPE: Fault = ("int_type", "Input should be a valid integer")
INT_FRACTION: Fault = (
    "int_from_float",
    "Input should be a valid integer, got a number with a fractional part",
)
BOOL_TYPE: Fault = ("bool_type", "Input should be a valid boolean")
TEXT_TYPE: Fault = ("string_type", "Input should be a valid string")
DATE_TYPE: Fault = ("datetime_parsing", "Input should be a valid date and time")
DATE_RANGE: Fault = ("date_out_of_range", "Input should be a date from 1678 to 2261")
CELL_TYPE: Fault = ("cell_type", "Input should be a number, a string or a boolean")
# webargs has words of its own for these.
WEBARGS_WORDS = {"missing": MISSING_MESSAGE, "extra_forbidden": "Unknown field."}


class Findings:
    """Messages about one request, each with the path to what it is about: argument, row, column."""

    def __init__(self) -> None:
        self.details: list[dict[str, Any]] = []

    def __bool__(self) -> bool:
        return bool(self.details)

    @property
    def full(self) -> bool:
        """True when looking for more is of no use."""
        return len(self.details) >= MAX_FINDINGS

    def add(self, path: tuple[Step, ...], fault: Fault) -> None:
        """Note that what stands at `path` has this fault; what is over the limit is left out."""
        if not self.full:
            self.details.append({"loc": [_shown(step) for step in path], "msg": fault[1], "type": fault[0]})

    def extend(self, details: list[dict[str, Any]]) -> None:
        """Take over errors that pydantic has found."""
        self.details.extend(details[: MAX_FINDINGS - len(self.details)])

    def raise_if_any(self) -> None:
        """Raise `ArgumentErrors` with everything that was found, in the order of arguments and rows."""
        if not self.details:
            return
        messages: dict[str, Any] = {}
        ordered = sorted(self.details, key=_row)
        for detail in ordered:
            words: str = WEBARGS_WORDS.get(detail["type"]) or detail["msg"]
            put_message(messages, [str(step) for step in detail["loc"]] or ["_schema"], words)
        raise ArgumentErrors(messages, ordered)


def no_rows(example: str) -> Fault:
    """The fault of what is no list of rows; `example` is one, as JSON."""
    return LIST_TYPE[0], f"Input should be a list of rows, such as {example}"


def wrong_length(what: str, count: int, expected: int, names: str = "") -> Fault:
    """The fault of a list with too few or too many items, such as `row`, `values`."""
    told = f" ({names})" if names else ""
    kind = "too_short" if count < expected else "too_long"
    return kind, f"{what} should have {expected} value{'s' * (expected != 1)}{told}, not {count}"


def listed(names: list[str], most: int = 12) -> str:
    """Names for a message: all of them, or the first few."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _shown(step: Step) -> Step:
    if isinstance(step, int) or len(step) <= MAX_NAME:
        return step
    return step[:MAX_NAME] + "…"


def _row(detail: dict[str, Any]) -> tuple[str, int]:
    path = detail["loc"]
    rows = [step for step in path[1:2] if isinstance(step, int)]
    return str(path[0]) if path else "", rows[0] if rows else -1
