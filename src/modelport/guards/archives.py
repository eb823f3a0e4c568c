"""Zip archives: bombs, damage and archives inside are refused before anything is unpacked."""

from __future__ import annotations

import struct
import zipfile
import zlib
from itertools import pairwise
from typing import BinaryIO, cast

from modelport.guards.errors import FileRefused
from modelport.guards.pickles import Scan, joined, scanned
from modelport.settings.sizes import MIB

ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
MAX_RATIO = 100  # of all content to the whole file, once it is more than
MAX_SMALL_BYTES = 64 * MIB
MAX_ENTRIES = 100_000
MAX_DIRECTORY_BYTES = 32 * MIB
MAX_NESTED = 5000  # members that are looked into for archives inside the archive
MAX_PICKLES = 8
END_RECORD = struct.Struct("<4s4H2LH")
END64_LOCATOR = struct.Struct("<4sLQL")
END64_RECORD = struct.Struct("<4sQ2H2L4Q")
COMMENT_BYTES = 65536
BROKEN = (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error)


def check_directory(file: BinaryIO, size: int) -> None:
    """Refuse a directory that is missing or too large, before `zipfile` reads it whole."""
    begin = max(0, size - COMMENT_BYTES - END_RECORD.size)
    file.seek(begin)
    tail = file.read(COMMENT_BYTES + END_RECORD.size)
    at = tail.rfind(EMPTY_ZIP)
    if at < 0 or len(tail) - at < END_RECORD.size:
        raise FileRefused(
            "this zip archive ends in the middle (it is cut off); copy or download the model again"
        )
    record = END_RECORD.unpack_from(tail, at)
    entries, directory = record[4], record[5]
    locator_at = at - END64_LOCATOR.size
    if locator_at >= 0 and tail.startswith(b"PK\x06\x07", locator_at):
        file.seek(min(END64_LOCATOR.unpack_from(tail, locator_at)[2], size))
        data = file.read(END64_RECORD.size)
        if len(data) == END64_RECORD.size:
            entries, directory = END64_RECORD.unpack(data)[7:9]
    if entries > MAX_ENTRIES or directory > min(MAX_DIRECTORY_BYTES, size):
        raise FileRefused(f"this zip archive claims {entries} members, which no model has; it is not loaded")
    file.seek(0)


def check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse what grows out of proportion when it is unpacked, and members that share their bytes."""
    total = sum(member.file_size for member in members)
    if total > MAX_SMALL_BYTES and total > MAX_RATIO * size:
        raise FileRefused(f"it is a zip bomb: {size} bytes that would unpack to {total}; it is not loaded")
    places = sorted((m.header_offset, m.header_offset + m.compress_size) for m in members)
    overlap = any(end > begin for (_, end), (begin, _) in pairwise(places))
    if overlap or sum(m.compress_size for m in members) > size:
        raise FileRefused("it is a zip bomb: its members overlap; it is not loaded")
    if any(member.flag_bits & 1 for member in members):
        raise FileRefused("this zip archive is encrypted; save the model without a password")


def check_nested(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """The same bounds for archives inside, such as the sparse matrices of skops."""
    for member in members[:MAX_NESTED]:
        if member.file_size < END_RECORD.size:
            continue
        with archive.open(member) as stream:
            if stream.read(len(ZIP)) not in (ZIP, EMPTY_ZIP):
                continue
            if member.file_size > MAX_SMALL_BYTES and member.compress_type != zipfile.ZIP_STORED:
                raise FileRefused(
                    f"it holds a compressed archive of {member.file_size} bytes; save the model again"
                )
            seekable = cast("BinaryIO", stream)
            check_directory(seekable, member.file_size)
            with zipfile.ZipFile(seekable) as inner:
                check_sizes(inner.infolist(), member.compress_size)


def scan_of_members(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Scan:
    """What the pickles of an archive import."""
    scans: list[Scan] = []
    for member in [m for m in members if m.filename.endswith(".pkl")][:MAX_PICKLES]:
        try:
            with archive.open(member) as stream:
                scans.append(scanned(stream))
        except BROKEN:  # damage that torch reads nevertheless
            scans.append(Scan(incomplete=f"{member.filename} could not be read"))
    return joined(scans)
