"""What the bytes of a prediction mean, as plain values: JSON, forms and tables; and what of it is hidden.

This runs in the keeper's process, never in that of the server: what strangers send is parsed here. What
cannot be read is told by its size and type, with the reason. Where fields are to be hidden, nothing is kept
of which it cannot be told whether they are in it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl

import msgspec

from modelport.contract.arrays.arrow_tables import read_arrow, read_parquet
from modelport.contract.arrays.csv_tables import read_csv, typed
from modelport.contract.arrays.sent_table import ALL, Table
from modelport.contract.errors import BadRequest
from modelport.contract.table_forms import TableForm, form_of_file, form_of_media_type
from modelport.guards.arrow import FILE_MARK
from modelport.guards.errors import TableInvalid
from modelport.telemetry.payloads.messages import Sample, SentFile

MOST_ROWS = 1000  # of a table that are kept
MOST_FIELDS = 1000  # of a form
HIDDEN = "[hidden]"
ALL_FIELDS = "*"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class Unread(ValueError):
    """Why something is told by its size and type only."""


class Meant(NamedTuple):
    """A value, or why there is none."""

    value: Any = None
    left_out: str = ""


def input_of(sample: Sample) -> dict[str, Any]:
    """What was sent, for the log: its type and size, and what it means."""
    found: dict[str, Any] = {"type": _media(sample.content_type), "bytes": sample.body_size}
    if sample.query:
        found["query"] = _kept(lambda: _pairs(sample.query), sample.hide)
    if sample.fields:
        found["value"] = _kept(lambda: _of_fields(sample.fields), sample.hide)
    elif sample.body_size and not sample.files:
        found |= _told(_body_of(sample))
    if sample.files:
        found["files"] = [_file_of(file, sample.hide) for file in sample.files]
    return found


def answer_of(sample: Sample) -> dict[str, Any]:
    """What was answered, for the log."""
    found: dict[str, Any] = {"type": _media(sample.answer_type), "bytes": sample.answer_size}
    if sample.left_out or sample.answer is None:
        return found | {"left_out": sample.left_out or "it is larger than payload_max_size"}
    answer = sample.answer
    if not answer:
        return found
    if _media(sample.answer_type) != "application/json" and not _media(sample.answer_type).endswith("+json"):
        return found | {"left_out": "it is not JSON"}
    if ALL_FIELDS in sample.hide or (sample.hide and sample.status >= 400):  # words may repeat what was sent
        return found | {"left_out": "its values are hidden"}
    try:
        return found | {"value": hidden(_json(answer), sample.hide, strict=False)}
    except (Unread, RecursionError) as error:
        return found | {"left_out": str(error)}


def _body_of(sample: Sample) -> Meant:
    if sample.body is None:
        return Meant(left_out="it is larger than payload_max_size")
    body, media, hide = sample.body, _media(sample.content_type), sample.hide
    return _meant(lambda: _value_of(body, media, form_of_media_type(media)), hide)


def _file_of(file: SentFile, hide: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"field": file.field, "type": _media(file.content_type), "bytes": file.size}
    if not hide:
        found["name"] = file.name
    content = file.content
    if content is None:
        return found | {"left_out": "it is no table or JSON, or larger than payload_max_size"}
    if file.field in hide:
        return found | {"left_out": "its values are hidden"}
    form = form_of_media_type(file.content_type) or form_of_file(Path(file.name))
    media = "application/json" if file.name.lower().endswith(".json") else _media(file.content_type)
    return found | _told(_meant(lambda: _value_of(content, media, form), hide))


def _told(meant: Meant) -> dict[str, Any]:
    return {"left_out": meant.left_out} if meant.left_out else {"value": meant.value}


def _kept(read: Any, hide: Sequence[str]) -> Any:
    meant = _meant(read, hide)
    return f"[{meant.left_out}]" if meant.left_out else meant.value


def _meant(read: Any, hide: Sequence[str]) -> Meant:
    if ALL_FIELDS in hide:
        return Meant(left_out="its values are hidden")
    try:
        return Meant(hidden(read(), hide, strict=True))
    except Unread as error:
        return Meant(left_out=str(error))
    except (TableInvalid, BadRequest, RecursionError) as error:
        return Meant(left_out=f"it cannot be read: {str(error)[:200]}")


def _value_of(body: bytes, media: str, form: TableForm | None) -> Any:
    if media == FORM:
        return _pairs(body)
    if form is TableForm.CSV:
        table = read_csv(body)
        return _of_table(Table(table.names, [typed(column) for column in table.columns]))
    if form is TableForm.PARQUET:
        return _of_table(read_parquet(body, ALL))
    if form is TableForm.ARROW:
        return _of_table(read_arrow(body, body.startswith(FILE_MARK), ALL))
    if form is TableForm.JSON_LINES:
        return [_json(line) for line in body.splitlines()[:MOST_ROWS] if line.strip()]
    if media in ("", "application/json") or media.endswith("+json"):
        return _json(body)
    raise Unread("it is not JSON, a form or a table")


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return json.loads(text, parse_constant=lambda name: None)  # NaN, which some dialects take
    except ValueError:
        raise Unread("it is not valid JSON") from None


def _pairs(text: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Unread(f"it has more than {MOST_FIELDS} fields") from None
    return _of_fields(pairs)


def _of_fields(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The fields of a form; what came several times is a list, and JSON is what it means."""
    found: dict[str, Any] = {}
    times: set[str] = set()
    for name, text in fields[:MOST_FIELDS]:
        value = _of_text(text)
        if name not in found:
            found[name] = value
        elif name in times:
            found[name].append(value)
        else:
            found[name] = [found[name], value]
            times.add(name)
    return found


def _of_text(text: str) -> Any:
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        try:
            return _json(stripped.encode())
        except (Unread, RecursionError):
            return text
    try:
        return float(stripped) if "." in stripped else int(stripped)
    except ValueError:
        return text


def _of_table(table: Table) -> dict[str, Any]:
    """The first rows of a table, by its columns."""
    columns = {
        name: list(column[:MOST_ROWS]) for name, column in zip(table.names, table.columns, strict=True)
    }
    found: dict[str, Any] = {"columns": columns, "rows": table.rows}
    return found


def hidden(value: Any, names: Collection[str], *, strict: bool) -> Any:
    """`value` without what is called by one of these names, at any depth; of a table, without those columns.

    Raises `Unread` if it is to be `strict`, and rows have no names by which it could be told.
    """
    return _hidden(value, frozenset(names), strict) if names else value


def _hidden(value: Any, names: frozenset[str], strict: bool) -> Any:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        is_table = isinstance(found.get("columns"), list) and isinstance(found.get("rows"), list)
        made: dict[str, Any] = {}
        for key, item in found.items():
            if key in names:
                made[key] = HIDDEN
            elif is_table and key == "rows":
                made[key] = _hidden_rows(found, names, strict)
            else:
                made[key] = _hidden(item, names, strict)
        return made
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if strict and any(isinstance(item, list) for item in items):
            raise Unread("fields are hidden, and its rows do not name theirs")
        return [_hidden(item, names, strict) for item in items]
    if strict and isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        raise Unread("fields are hidden, and a text may hold them")
    return value


def _hidden_rows(table: dict[str, Any], names: frozenset[str], strict: bool) -> list[Any]:
    """The rows of a table in JSON, `{"columns": names, "rows": lists}`."""
    places = [place for place, name in enumerate(table["columns"]) if name in names]
    rows: list[Any] = []
    for row in table["rows"]:
        if not isinstance(row, list):
            raise Unread("fields are hidden, and a row of the table is none")
        cells = cast("list[Any]", row)
        rows.append(
            [HIDDEN if place in places else _hidden(cell, names, strict) for place, cell in enumerate(cells)]
        )
    return rows
