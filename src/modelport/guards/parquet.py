"""The sizes that the pages of a Parquet file unpack to, read from their headers.

Source: the Parquet format's `PageHeader`, in Thrift's compact protocol.
"""

from __future__ import annotations

from typing import Any

from modelport.guards.errors import TableInvalid
from modelport.guards.table_limits import TableLimits

MAX_PAGES = 100_000
MAX_DEPTH = 16
STRUCT, LIST, SET, BINARY, DOUBLE = 12, 9, 10, 8, 7  # types of the protocol
SIZE, PACKED = 2, 3  # fields of PageHeader: uncompressed_page_size, compressed_page_size
ROW_GROUPS, COLUMNS, CHUNK = 4, 1, 3  # fields of FileMetaData, RowGroup and ColumnChunk
UNPACKED_TOTAL, PACKED_TOTAL, DATA_PAGE, DICTIONARY_PAGE = 6, 7, 9, 11  # fields of ColumnMetaData
MARK = b"PAR1"


def check_pages(content: bytes, limits: TableLimits) -> None:
    """Refuse a file whose column chunks or pages say that they unpack to more bytes than may be.

    Everything is read here: pyarrow's own view of a chunk ends the process where its description is
    broken. Raises `TableInvalid`, also for what cannot be read.
    """
    try:
        _check_chunks(content, limits)
    except (IndexError, KeyError, TypeError, AttributeError):
        raise TableInvalid("The Parquet file is cut off or broken") from None


def _check_chunks(content: bytes, limits: TableLimits) -> None:
    declared = unpacked = pages = 0
    for group in _footer(content)[ROW_GROUPS]:
        for column in group[COLUMNS]:
            chunk = column[CHUNK]
            declared += chunk[UNPACKED_TOTAL]
            start = chunk[DATA_PAGE]
            if 0 < chunk.get(DICTIONARY_PAGE, 0) < start:
                start = chunk[DICTIONARY_PAGE]
            end = start + chunk[PACKED_TOTAL]
            if not 0 <= start <= end <= len(content):
                raise IndexError
            while start < end:
                size, start = _page(content, start)
                unpacked += size
                pages += 1
                _check(max(declared, unpacked), pages, limits)
    _check(declared, pages, limits)


def _footer(content: bytes) -> dict[int, Any]:
    size = int.from_bytes(content[-8:-4], "little")
    if not content.endswith(MARK) or not 0 < size <= len(content) - 12:
        raise IndexError
    return _Compact(content, len(content) - 8 - size).struct(0)


def _check(size: int, pages: int, limits: TableLimits) -> None:
    if size > limits.most_bytes or pages > MAX_PAGES:
        raise TableInvalid(f"The Parquet file unpacks to more than {limits.size_words()}")


def _page(content: bytes, start: int) -> tuple[int, int]:
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

    def __init__(self, content: bytes, at: int):
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
