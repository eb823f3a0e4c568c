"""Streams that end after a number of bytes, whatever is asked of them, and what was compressed."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import zlib
from typing import Any, BinaryIO, Protocol

from modelport.settings.sizes import MIB

READ_BYTES = 64 * 1024


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Bounded:
    """Up to `limit` bytes of a stream. `at_limit` tells that there was more, `tell` where it is.

    A pickle says itself how long its next value is; a length that is a lie must not allocate.
    """

    def __init__(self, stream: Readable, limit: int):
        self._stream = stream
        self._left = limit
        self._buffer = b""
        self._at = 0
        self._told = 0
        self.at_limit = False
        self.at_end = False

    def _fill(self) -> bool:
        data = self._stream.read(min(READ_BYTES, self._left)) if self._left else b""
        if not data:
            self.at_limit = self.at_limit or (not self._left and bool(self._stream.read(1)))
            self.at_end = not self.at_limit
            return False
        self._left -= len(data)
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        return True

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer at the end."""
        if self._at + size <= len(self._buffer):  # nearly always
            data = self._buffer[self._at : self._at + size]
            self._at += size
            self._told += size
            return data
        pieces = [self._buffer[self._at :]]
        missing = size - len(pieces[0])
        self._buffer, self._at = b"", 0
        while missing > 0 and self._fill():
            piece = self._buffer[:missing]
            self._at = len(piece)
            pieces.append(piece)
            missing -= len(piece)
            if missing > 0:
                self._buffer, self._at = b"", 0
        data = b"".join(pieces)
        self._told += len(data)
        return data

    def skip(self, size: int) -> None:
        """Go on by `size` bytes, without keeping them."""
        while size > 0:
            passed = len(self.read(min(size, READ_BYTES)))
            if not passed:
                return
            size -= passed

    def readline(self) -> bytes:
        """Up to and with the next line's end. Lines of pickles are short; a very long one is cut."""
        while True:
            end = self._buffer.find(b"\n", self._at)
            if end >= 0:
                return self.read(end + 1 - self._at)
            if len(self._buffer) - self._at > MIB or not self._fill():
                return self.read(len(self._buffer) - self._at)

    def peek(self) -> bytes:
        """The next bytes, some at least unless it has ended."""
        if self._at >= len(self._buffer):
            self._buffer, self._at = b"", 0
            self._fill()
        return self._buffer[self._at :]

    def tell(self) -> int:
        """Bytes read so far."""
        return self._told


def compression_of(head: bytes) -> str:
    """What a file that begins so is compressed with, by joblib's names; empty if it is not."""
    for magic, name in (
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bz2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"]\x00\x00", "lzma"),
        (b"\x04\x22\x4d\x18", "lz4"),
    ):
        if head.startswith(magic):
            return name
    is_zlib = head[:1] == b"x" and len(head) > 2 and int.from_bytes(head[:2]) % 31 == 0
    return "zlib" if is_zlib and _inflates(head) else ""


def _inflates(head: bytes) -> bool:
    """Text may begin as zlib does."""
    try:
        zlib.decompressobj().decompress(head, 64)
    except zlib.error:
        return False
    return True


def decompressed(file: BinaryIO, compression: str) -> Readable | None:
    """The content of a compressed file, read as it is asked for; `None` if a package for it is missing.

    Reading raises one of `DAMAGED` where it is damaged.
    """
    file.seek(0)
    if compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    if compression == "bz2":
        return bz2.BZ2File(file)
    if compression in ("xz", "lzma"):
        return lzma.LZMAFile(file)
    if compression == "zlib":
        return _Zlib(file)
    try:
        frame: Any = importlib.import_module("lz4.frame")
    except ImportError:
        return None
    return frame.LZ4FrameFile(file)


DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, RuntimeError)


class _Zlib:
    """The content of a zlib stream, never more of it in memory than was asked for."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._inflate = zlib.decompressobj()

    def read(self, size: int = -1, /) -> bytes:
        while not self._inflate.eof:
            waiting = self._inflate.unconsumed_tail or self._file.read(READ_BYTES)
            if not waiting:
                raise EOFError("the compressed data ends in the middle")
            data = self._inflate.decompress(waiting, READ_BYTES if size < 0 else size)
            if data:
                return data
        return b""
