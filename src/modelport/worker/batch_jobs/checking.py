"""What can be said of a batch job before one row of it is predicted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from modelport.contract.arrays.sent_table import MADE_UP, Table
from modelport.contract.calls import Batch, Call
from modelport.contract.errors import ArgumentErrors, BadRequest
from modelport.contract.field_messages import MISSING_MESSAGE
from modelport.contract.rows_taken import rows_taken
from modelport.contract.served import ServedModel
from modelport.contract.unknown_arguments import MAX_NAMES, unknown_words
from modelport.dialects.codecs.requests import parse_pairs
from modelport.guards.errors import TableInvalid
from modelport.worker.batch_jobs.chunks import BatchInput
from modelport.worker.batch_jobs.inputs import open_input
from modelport.worker.batch_jobs.row_requests import request_of
from modelport.worker.batch_jobs.text_inputs import CsvInput
from modelport.worker.frames import Load

PREDICTION, ERROR = "prediction", "error"  # what an answer has beside the columns that are kept
KEEP_IT = "With keep, the answer has a column that the model does not know."


Bind = Callable[[Call], Any]  # a call of one row; raises what is wrong with it


def shown_batch(model: ServedModel, load: Load, bind: Bind, call: Call) -> dict[str, Any]:
    """What may be shown of a batch job that can be run. Raises what `checked_input` raises."""
    assert call.batch is not None
    checked_input(model, load, bind, call).close()
    batch = call.batch
    shown: dict[str, Any] = {"from": batch.source, "format": batch.answer, "on_error": batch.on_error}
    shown |= {"keep": list(batch.keep)} if batch.keep else {}
    shown |= {"chunk_rows": batch.chunk_rows} if batch.chunk_rows else {}
    constants = parse_pairs(call.query, "query string") if call.query else {}
    return shown | {name: values if len(values) > 1 else values[0] for name, values in constants.items()}


def checked_input(model: ServedModel, load: Load, bind: Bind, call: Call) -> BatchInput:
    """The rows of a batch job, whose columns fit the model; to be closed.

    Raises `ArgumentErrors` and `BadRequest` for what is wrong with them, or with what goes with each row.
    """
    batch = call.batch
    assert batch is not None
    if not model.signature.predict.implemented:
        raise NotImplementedError(f"Not implemented by underlying model (loaded '{model.signature.name}')")
    try:
        found = open_input(Path(call.body_path), batch.source, load.json_depth)
    except TableInvalid as error:
        raise BadRequest(str(error), 422) from None
    try:
        _check(model, bind, call, batch, found)
    except BaseException:  # whatever it is
        found.close()
        raise
    return found


def _check(model: ServedModel, bind: Bind, call: Call, batch: Batch, found: BatchInput) -> None:
    if not batch.answer.is_text:
        from modelport.contract.arrays.arrow_tables import pyarrow_module  # it needs numpy

        pyarrow_module()
    _check_kept(batch, found.columns)
    _check_constants(bind, call)
    if found.columns is not None:
        constants = parse_pairs(call.query, "query string") if call.query else {}
        _check_columns(model, given_columns(model, batch, found), found, constants)


def given_columns(model: ServedModel, batch: Batch, found: BatchInput) -> list[str]:
    """The columns of a table that the model gets.

    It does not get those that it does not know and that are kept, or that pandas wrote as an index.
    """
    known = known_names(model)
    left = set(batch.keep)
    if model.signature.contract != "array":  # which finds its own index
        left.update(name for name in found.index if rows_taken(model) is None or MADE_UP.fullmatch(name))
    return [name for name in found.columns or () if name in known or name not in left]


def known_names(model: ServedModel) -> set[str]:
    """The columns that the model knows by name, of one row a call its arguments."""
    taken = rows_taken(model)
    arguments = model.signature.predict.arguments
    return set(taken.columns if taken is not None else [argument.name for argument in arguments])


def _check_kept(batch: Batch, columns: list[str] | None) -> None:
    for name in batch.keep:
        if name in (PREDICTION, ERROR) or name.startswith(f"{PREDICTION}."):
            raise ArgumentErrors({"keep": [f"The answer has a column {name[:100]!r} of its own"]})
        if columns is not None and name not in columns:
            there = ", ".join(columns[:MAX_NAMES])
            raise ArgumentErrors({"keep": [f"There is no column {name[:100]!r}; there is: {there}"]})


def _check_constants(bind: Bind, call: Call) -> None:
    """Refuse what the query string says that no row can be predicted with."""
    if not call.query:
        return
    names = parse_pairs(call.query, "query string")
    alone = msgspec.structs.replace(call, body_path="", content_type="", accept="", batch=None)
    try:
        bind(alone)
    except ArgumentErrors as error:  # what is missing, the rows have
        wrong = {name: said for name, said in error.messages.items() if name in names}
        if wrong:
            raise ArgumentErrors(wrong) from None


def _check_columns(
    model: ServedModel, given: list[str], found: BatchInput, constants: dict[str, list[str]]
) -> None:
    """Refuse a table that lacks a column, or has one that the model does not know."""
    twice = constants.keys() & set(given)
    if twice:
        raise ArgumentErrors({name: ["It is a column of the table, and in the query"] for name in twice})
    taken = rows_taken(model)
    if taken is not None:
        is_text = isinstance(found, CsvInput)
        index = [name for name in found.index if name in given]
        empty = Table(given, [[] for _ in given], is_text, index)
        model.bind("predict", request_of(empty, constants, taken, model.signature.contract))
        return
    arguments = model.signature.predict.arguments
    known = [argument.name for argument in arguments]
    wrong: dict[str, Any] = {}
    for argument in arguments:
        is_there = argument.name in given or argument.name in constants
        if argument.required and not is_there and argument.location not in ("headers", "cookies"):
            wrong[argument.name] = [MISSING_MESSAGE]
    if model.signature.contract != "deepaas":  # whose models pass over what they do not know
        for name in [name for name in given if name not in known][:MAX_NAMES]:
            wrong[name] = [f"{unknown_words(name, known)} {KEEP_IT}"]
    if wrong:
        raise ArgumentErrors(wrong)
