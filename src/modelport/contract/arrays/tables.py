"""Tables as they are sent: CSV, Parquet or Arrow, told by media type or content, read within bounds."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from modelport.contract.arrays.arrow_tables import read_arrow, read_parquet
from modelport.contract.arrays.csv_tables import read_csv
from modelport.contract.arrays.sent_table import ALL, Table, Wanted
from modelport.contract.errors import BadRequest
from modelport.guards.table_limits import table_limits

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
MEDIA_TYPES = {
    CSV: CSV,
    "application/csv": CSV,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
    STREAM: STREAM,
    FILE: FILE,
}


@lru_cache(maxsize=256)
def kind_of(media_type: str) -> str:
    """The kind of a table by its media type; empty for any other. Raises `BadRequest` for its charset."""
    media, _, rest = media_type.partition(";")
    kind = MEDIA_TYPES.get(media.strip().lower(), "")
    if kind == CSV and "charset=" in rest.lower():
        charset = rest.lower().partition("charset=")[2].partition(";")[0].strip().strip('"')
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise BadRequest(f"CSV is read as UTF-8; charset={charset[:50]} is not supported", 415)
    return kind


def kind_of_content(content: bytes) -> str:
    """The kind of a table by its first bytes; what has no mark is taken for CSV."""
    if content.startswith(b"PAR1"):
        return PARQUET
    if content.startswith(b"ARROW1"):
        return FILE
    return STREAM if content.startswith(b"\xff\xff\xff\xff") else CSV


def read_table(content: bytes, kind: str, wanted: Wanted = ALL) -> Table:
    """The table in `content`. Raises `TableInvalid`, and `BadRequest` where an extra is not installed."""
    if kind == CSV:
        table = read_csv(content)
        kept = wanted.kept(table.names, table.names[:1] if table.names[0] == "" else [])
        columns = dict(zip(table.names, table.columns, strict=True))
        return Table(kept, [columns[name] for name in kept], is_text=True)
    if kind == PARQUET:
        return read_parquet(content, wanted)
    return read_arrow(content, kind == FILE, wanted)


def read_upload(upload: Any, wanted: Wanted = ALL) -> Table:
    """The table in an upload, by its media type, else by its content.

    Raises `TableInvalid`, and `BadRequest` (415, 413) for one that is too large, or needs an extra.
    """
    path = Path(upload.filename)
    check_bytes(path.stat().st_size)
    content = path.read_bytes()
    kind = kind_of(upload.content_type or "") or kind_of_content(content)
    return read_table(content, kind, wanted)


def check_bytes(size: int) -> None:
    """Refuse a table of too many bytes. Raises `BadRequest` (413)."""
    limits = table_limits()
    if size > limits.most_bytes:
        raise BadRequest(f"the table is over {limits.size_words()}", 413)
