"""The forms in which the rows of a batch job come and go: their media types, and how files of them end."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class TableForm(StrEnum):
    """A form of rows: a table, or a line of JSON for each."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    JSON_LINES = "jsonl"

    @property
    def is_text(self) -> bool:
        return self in (TableForm.CSV, TableForm.JSON_LINES)

    @property
    def media_type(self) -> str:
        """What it is sent as."""
        return OWN_TYPES[self]


OWN_TYPES = {
    TableForm.CSV: "text/csv",
    TableForm.PARQUET: "application/vnd.apache.parquet",
    TableForm.ARROW: "application/vnd.apache.arrow.file",
    TableForm.JSON_LINES: "application/x-ndjson",
}
MEDIA_TYPES = {
    **{media_type: form for form, media_type in OWN_TYPES.items()},
    "application/csv": TableForm.CSV,
    "application/x-parquet": TableForm.PARQUET,
    "application/vnd.apache.arrow.stream": TableForm.ARROW,
    **dict.fromkeys(
        ("application/jsonl", "application/jsonlines", "application/x-jsonlines", "application/ndjson"),
        TableForm.JSON_LINES,
    ),
}
ENDINGS = {
    ".csv": TableForm.CSV,
    **dict.fromkeys((".parquet", ".pq"), TableForm.PARQUET),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), TableForm.ARROW),
    **dict.fromkeys((".jsonl", ".ndjson"), TableForm.JSON_LINES),
}


def form_of_media_type(header: str) -> TableForm | None:
    """The form that a media type names, whatever its parameters are; `None` for any other."""
    return MEDIA_TYPES.get(header.partition(";")[0].strip().lower())


def form_of_file(path: Path) -> TableForm | None:
    """The form that the name of a file says; `None` if it says none."""
    return ENDINGS.get(path.suffix.lower())
