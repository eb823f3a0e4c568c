"""Zip archives: which model they hold, by their directory."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

from modelport.contract.errors import ModelLoadError
from modelport.guards.archives import BROKEN, check_directory, check_sizes
from modelport.sources.files.formats.format import Archive, Found, UnknownContentError
from modelport.sources.files.formats.known import KNOWN


def found_in_zip(path: Path, file: BinaryIO, size: int) -> Found:
    """The model that a zip holds. Raises `FileRefused` for bombs, `ModelLoadError` for other things."""
    check_directory(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_sizes(members, size)
            names = {member.filename for member in members}
            inner = {name.partition("/")[2] or name for name in names}
            return _found(Archive(path, archive, members, names, inner))
    except BROKEN as error:
        raise ModelLoadError(
            f"{path}: this zip archive is damaged ({error}); copy or save the model again"
        ) from None


def _found(archive: Archive) -> Found:
    for known in KNOWN:
        found = known.in_archive(archive) if known.in_archive is not None else None
        if found is not None:
            return found
    raise UnknownContentError(f"{archive.path}: {_words_for_others(archive.names)}")


def _words_for_others(names: set[str]) -> str:
    if not names:
        return "it is an empty zip archive"
    if all(name.endswith(".npy") for name in names):
        return "it holds numpy arrays (npz), not a model; save the model itself"
    shown = ", ".join(sorted(names)[:3]) + (" …" if len(names) > 3 else "")
    return f"it is a zip archive of no model format ({shown[:200]}); unpack it and name the model in it"
