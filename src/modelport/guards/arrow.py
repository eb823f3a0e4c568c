"""The sizes that the messages of Arrow data unpack to, read from their descriptions (FlatBuffers).

Source: "Serialization and interprocess communication" of the Arrow columnar format.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import NamedTuple

from modelport.guards.errors import TableInvalid
from modelport.guards.table_limits import TableLimits, check_size

MAX_MESSAGES = 100_000
FILE_MARK = b"ARROW1\0\0"
CONTINUES = 0xFFFFFFFF
DICTIONARY_BATCH, RECORD_BATCH = 2, 3
HEADER_TYPE, HEADER, BODY_LENGTH = 1, 2, 3  # fields of Message
LENGTH, BUFFERS, COMPRESSION = 0, 2, 3  # fields of RecordBatch
Content = bytes | mmap.mmap
DATA = 1  # the field of DictionaryBatch that is a RecordBatch


def check_messages(content: bytes, is_file: bool, limits: TableLimits) -> None:
    """Refuse data whose buffers unpack to more bytes than may be, or that claims too many rows.

    Raises `TableInvalid`, also for messages that cannot be read.
    """
    unpacked = rows = 0
    for number, batch in enumerate(described_batches(content, is_file)):
        rows += batch.rows
        check_size(rows, 0)
        unpacked += batch.unpacked
        if unpacked > limits.most_bytes or number > MAX_MESSAGES:
            raise TableInvalid(f"The Arrow data unpacks to more than {limits.size_words()}")


def check_batches(content: mmap.mmap, is_file: bool, limits: TableLimits) -> int:
    """Refuse data that is read batch by batch, where one unpacks to more bytes than may be.

    Those of dictionaries stay in memory, and count together. Returns the number of rows. Raises
    `TableInvalid`, also for messages that cannot be read.
    """
    kept = rows = 0
    for batch in described_batches(content, is_file):
        if batch.is_dictionary:
            kept += batch.unpacked
        else:
            rows += batch.rows
        if kept + (0 if batch.is_dictionary else batch.unpacked) > limits.most_bytes:
            raise TableInvalid(f"A batch of the Arrow data unpacks to more than {limits.size_words()}")
    return rows


class DescribedBatch(NamedTuple):
    """What a batch of rows or of a dictionary says of itself: its rows, and the bytes it unpacks to."""

    rows: int
    unpacked: int
    is_dictionary: bool


def described_batches(content: Content, is_file: bool) -> Iterator[DescribedBatch]:
    """What each batch says of itself. Raises `TableInvalid` for messages that cannot be read."""
    try:
        for table, body in _messages(content, is_file):
            kind = _number(content, table, HEADER_TYPE, "B")
            if kind not in (RECORD_BATCH, DICTIONARY_BATCH):
                continue
            batch = _below(content, table, HEADER)
            if kind == DICTIONARY_BATCH:
                batch = _below(content, batch, DATA)
            rows = _number(content, batch, LENGTH, "q")
            if rows < 0:
                raise IndexError
            yield DescribedBatch(rows, _unpacked(content, batch, body), kind == DICTIONARY_BATCH)
    except (struct.error, IndexError):
        raise TableInvalid("The Arrow data cannot be read: it is cut off or broken") from None


def _messages(content: Content, is_file: bool) -> Iterator[tuple[int, int]]:
    """Where the description of each message stands, and where its body does."""
    at = 0
    if is_file:
        if content[: len(FILE_MARK)] != FILE_MARK:
            raise TableInvalid("The Arrow file does not begin as one")
        at = len(FILE_MARK)
    while at < len(content):
        mark, size = struct.unpack_from("<II", content, at)
        if mark != CONTINUES:
            raise TableInvalid("The Arrow data is of a version before 1.0, or broken")
        if size == 0:
            return
        start = at + 8
        table = start + struct.unpack_from("<I", content, start)[0]
        body = start + size
        length = _number(content, table, BODY_LENGTH, "q")
        if length < 0 or body + length > len(content):
            raise TableInvalid("The Arrow data is cut off")
        yield table, body
        at = body + length


def _field(content: Content, table: int, number: int) -> int | None:
    """Where a field of a table stands; `None` if it has its default."""
    fields = table - struct.unpack_from("<i", content, table)[0]
    if fields < 0:
        raise IndexError
    size = struct.unpack_from("<H", content, fields)[0]
    place = 4 + 2 * number
    if place + 2 > size:
        return None
    offset = struct.unpack_from("<H", content, fields + place)[0]
    return table + offset if offset else None


def _number(content: Content, table: int, number: int, form: str) -> int:
    place = _field(content, table, number)
    return 0 if place is None else int(struct.unpack_from(f"<{form}", content, place)[0])


def _below(content: Content, table: int, number: int) -> int:
    """Where the table or vector that a field points to stands."""
    place = _field(content, table, number)
    if place is None:
        raise IndexError
    return place + int(struct.unpack_from("<I", content, place)[0])


def _unpacked(content: Content, batch: int, body: int) -> int:
    """The bytes of a batch's buffers; compressed ones say theirs first."""
    if _field(content, batch, COMPRESSION) is None or _field(content, batch, BUFFERS) is None:
        return 0  # they lie in the content itself
    vector = _below(content, batch, BUFFERS)
    count = struct.unpack_from("<I", content, vector)[0]
    total = 0
    for number in range(count):
        offset, length = struct.unpack_from("<qq", content, vector + 4 + 16 * number)
        if length >= 8:
            size = struct.unpack_from("<q", content, body + offset)[0]
            total += max(size, 0)
    return total
