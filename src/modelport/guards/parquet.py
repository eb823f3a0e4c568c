"""The sizes that the pages of a Parquet file unpack to, read from their headers.

Source: the Parquet format's `PageHeader`, in Thrift's compact protocol.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from modelport.guards.errors import TableInvalid
from modelport.guards.table_limits import TableLimits

MAX_PAGES = 100_000
MAX_DEPTH = 16
STRUCT, LIST, SET, BINARY, DOUBLE = 12, 9, 10, 8, 7  # types of the protocol
SIZE, PACKED = 2, 3  # fields of PageHeader: uncompressed_page_size, compressed_page_size
ROW_GROUPS, COLUMNS, ROWS, CHUNK = 4, 1, 3, 3  # fields of FileMetaData, RowGroup (two), ColumnChunk
UNPACKED_TOTAL, PACKED_TOTAL, DATA_PAGE, DICTIONARY_PAGE = 6, 7, 9, 11  # fields of ColumnMetaData
MARK = b"PAR1"
MAX_FOOTER = 16 << 20
Content = bytes | mmap.mmap


def check_pages(content: bytes, limits: TableLimits) -> None:
    """Refuse a file whose column chunks or pages say that they unpack to more bytes than may be.

    Everything is read here: pyarrow's own view of a chunk ends the process where its description is
    broken. Raises `TableInvalid`, also for what cannot be read.
    """
    declared = unpacked = pages = 0
    with _whole():
        for group in _footer(content)[ROW_GROUPS]:
            for column in group[COLUMNS]:
                declared += column[CHUNK][UNPACKED_TOTAL]
                for size in _pages(content, column[CHUNK]):
                    unpacked += size
                    pages += 1
                    _check(max(declared, unpacked), pages, limits)
        _check(declared, pages, limits)


def row_groups(content: mmap.mmap) -> list[RowGroup]:
    """The row groups of a file that is read page by page, as it describes them; `check_group` each.

    Raises `TableInvalid`.
    """
    with _whole():
        if content[-4:] == MARK and int.from_bytes(content[-8:-4], "little") > MAX_FOOTER:
            raise TableInvalid(f"The Parquet file is described in more than {MAX_FOOTER} bytes")
        groups = [RowGroup(group[ROWS], group[COLUMNS]) for group in _footer(content)[ROW_GROUPS]]
        if any(group.rows < 0 for group in groups):
            raise IndexError
    return groups


class RowGroup(NamedTuple):
    """A part of a file: its rows, and its columns as they are described."""

    rows: int
    columns: list[Any]


def check_group(content: mmap.mmap, group: RowGroup, limits: TableLimits) -> None:
    """Refuse a row group whose columns have pages that together unpack to more bytes than may be.

    Raises `TableInvalid`, also for what cannot be read.
    """
    at_once = pages = 0
    with _whole():
        for column in group.columns:
            largest = dictionary = 0
            for number, size in enumerate(_pages(content, column[CHUNK])):
                if number == 0 and column[CHUNK].get(DICTIONARY_PAGE, 0) > 0:
                    dictionary = size
                largest = max(largest, size)
                pages += 1
                _check(at_once + largest + dictionary, pages, limits)
            at_once += largest + dictionary


@contextlib.contextmanager
def _whole() -> Generator[None]:
    try:
        yield
    except (IndexError, KeyError, TypeError, AttributeError):
        raise TableInvalid("The Parquet file is cut off or broken") from None


def _pages(content: Content, chunk: dict[int, Any]) -> Iterator[int]:
    """What each page of a column chunk unpacks to."""
    start = chunk[DATA_PAGE]
    if 0 < chunk.get(DICTIONARY_PAGE, 0) < start:
        start = chunk[DICTIONARY_PAGE]
    end = start + chunk[PACKED_TOTAL]
    if not 0 <= start <= end <= len(content):
        raise IndexError
    while start < end:
        size, start = _page(content, start)
        yield size


def _footer(content: Content) -> dict[int, Any]:
    size = int.from_bytes(content[-8:-4], "little")
    if content[-4:] != MARK or not 0 < size <= len(content) - 12:
        raise IndexError
    return _Compact(content, len(content) - 8 - size).struct(0)


def _check(size: int, pages: int, limits: TableLimits) -> None:
    if size > limits.most_bytes or pages > MAX_PAGES:
        raise TableInvalid(f"The Parquet file unpacks to more than {limits.size_words()}")


def _page(content: Content, start: int) -> tuple[int, int]:
    """What the page at `start` unpacks to, and where the next one starts."""
    reader = _Compact(content, start)
    fields = reader.struct(0)
    size, packed = fields[SIZE], fields[PACKED]
    if size < 0 or packed < 0:
        raise IndexError
    return size, reader.at + packed


class _Compact:
    """A reader of Thrift's compact protocol: structs by field number, lists, numbers; all else is None.

    Raises `IndexError` where the content ends, or makes no sense.
    """

    def __init__(self, content: Content, at: int):
        self.content = content
        self.at = at

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > MAX_DEPTH:
            raise IndexError
        fields: dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            if head == 0:
                return fields
            step, kind = head >> 4, head & 15
            number = number + step if step else self._zigzag()
            fields[number] = None if kind in (1, 2) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            return self._list(depth + 1)
        if kind not in (DOUBLE, BINARY):  # maps and anything unknown stand nowhere in a Parquet file
            raise IndexError
        length = 8 if kind == DOUBLE else self._varint()
        self.at += length
        return None

    def _list(self, depth: int) -> list[Any]:
        if depth > MAX_DEPTH:
            raise IndexError
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        kind = head & 15
        if count > len(self.content):
            raise IndexError
        return [self._byte() if kind in (1, 2) else self._value(kind, depth) for _ in range(count)]

    def _byte(self) -> int:
        value = self.content[self.at]
        self.at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise IndexError

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
