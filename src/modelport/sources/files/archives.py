"""Zip archives: which model they hold, by their directory; bombs are refused before anything is read."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, cast

from modelport.contract.errors import ModelLoadError
from modelport.sources.files.bounded import MIB
from modelport.sources.files.formats import CODE, FORMATS
from modelport.sources.files.found import Found, Scan, UnknownContentError
from modelport.sources.files.keras_layers import danger_of_layers
from modelport.sources.files.scan import joined, scanned

ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
MAX_RATIO = 100  # of all content to the whole file, once it is more than
MAX_SMALL_BYTES = 64 * MIB
MAX_ENTRIES = 100_000
MAX_DIRECTORY_BYTES = 32 * MIB
MAX_NESTED = 5000  # members that are looked into for archives inside the archive
MAX_PICKLES = 8
CONFIG_BYTES = 16 * MIB
END_RECORD = struct.Struct("<4s4H2LH")
END64_LOCATOR = struct.Struct("<4sLQL")
END64_RECORD = struct.Struct("<4sQ2H2L4Q")
COMMENT_BYTES = 65536
BROKEN = (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error)


def found_in_zip(path: Path, file: BinaryIO, size: int) -> Found:
    """The model that a zip holds. Raises `ModelLoadError` for bombs, damage, and archives of other things."""
    _check_directory(path, file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_sizes(path, members, size)
            return _found(path, archive, members)
    except BROKEN as error:
        raise ModelLoadError(
            f"{path}: this zip archive is damaged ({error}); copy or save the model again"
        ) from None


def _check_directory(path: Path, file: BinaryIO, size: int) -> None:
    """Refuse a directory that is missing or too large, before `zipfile` reads it whole."""
    begin = max(0, size - COMMENT_BYTES - END_RECORD.size)
    file.seek(begin)
    tail = file.read(COMMENT_BYTES + END_RECORD.size)
    at = tail.rfind(EMPTY_ZIP)
    if at < 0 or len(tail) - at < END_RECORD.size:
        raise ModelLoadError(
            f"{path}: this zip archive ends in the middle (it is cut off); copy or download the model again"
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
        raise ModelLoadError(
            f"{path}: this zip archive claims {entries} members, which no model has; it is not loaded"
        )
    file.seek(0)


def _check_sizes(path: Path, members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse what grows out of proportion when it is unpacked, and members that share their bytes."""
    total = sum(member.file_size for member in members)
    if total > MAX_SMALL_BYTES and total > MAX_RATIO * size:
        raise ModelLoadError(
            f"{path}: it is a zip bomb: {size} bytes that would unpack to {total}; it is not loaded"
        )
    places = sorted((m.header_offset, m.header_offset + m.compress_size) for m in members)
    overlap = any(end > begin for (_, end), (begin, _) in pairwise(places))
    if overlap or sum(m.compress_size for m in members) > size:
        raise ModelLoadError(f"{path}: it is a zip bomb: its members overlap; it is not loaded")
    if any(member.flag_bits & 1 for member in members):
        raise ModelLoadError(f"{path}: this zip archive is encrypted; save the model without a password")


def _found(path: Path, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Found:
    names = {member.filename for member in members}
    inner = {name.partition("/")[2] or name for name in names}  # torch puts all into one folder
    if "schema.json" in names:
        _check_nested(path, archive, members)
        return Found(path, FORMATS["skops"])
    if "config.json" in names and ("model.weights.h5" in names or "metadata.json" in names):
        _check_nested(path, archive, members)
        return Found(path, FORMATS["keras"], _danger_of_keras(path, archive))
    if (
        "serialized_exported_program.json" in names
        or "archive_format" in inner
        or "models/model.json" in inner
    ):
        return Found(path, FORMATS["torch-export"])
    if "data.pkl" in inner:
        if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
            return Found(path, FORMATS["torchscript"])
        return Found(path, FORMATS["torch"], CODE, scan_of_members(archive, members))
    raise UnknownContentError(f"{path}: {_words_for_others(names)}")


def _words_for_others(names: set[str]) -> str:
    if not names:
        return "it is an empty zip archive"
    if all(name.endswith(".npy") for name in names):
        return "it holds numpy arrays (npz), not a model; save the model itself"
    shown = ", ".join(sorted(names)[:3]) + (" …" if len(names) > 3 else "")
    return f"it is a zip archive of no model format ({shown[:200]}); unpack it and name the model in it"


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


def _check_nested(path: Path, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """The same bounds for archives inside, such as the sparse matrices of skops."""
    for member in members[:MAX_NESTED]:
        if member.file_size < END_RECORD.size:
            continue
        with archive.open(member) as stream:
            if stream.read(len(ZIP)) not in (ZIP, EMPTY_ZIP):
                continue
            if member.file_size > MAX_SMALL_BYTES and member.compress_type != zipfile.ZIP_STORED:
                raise ModelLoadError(
                    f"{path}: it holds a compressed archive of {member.file_size} bytes; save the model again"
                )
            seekable = cast("BinaryIO", stream)
            _check_directory(path, seekable, member.file_size)
            with zipfile.ZipFile(seekable) as inner:
                _check_sizes(path, inner.infolist(), member.compress_size)


def _danger_of_keras(path: Path, archive: zipfile.ZipFile) -> str:
    member = archive.getinfo("config.json")
    if member.file_size > CONFIG_BYTES:
        raise ModelLoadError(f"{path}: its config.json has {member.file_size} bytes, which no model has")
    try:
        config: Any = json.loads(archive.read(member))
    except (ValueError, RecursionError):
        raise ModelLoadError(f"{path}: its config.json is no JSON; save the model again") from None
    return danger_of_layers(config)
