"""Which format a model of one file has, told by its content."""

from __future__ import annotations

import errno
from pathlib import Path

from modelport.contract.errors import ModelLoadError
from modelport.guards.archives import EMPTY_ZIP, ZIP
from modelport.guards.bounded import compression_of
from modelport.guards.errors import FileRefused
from modelport.sources.files.archives import found_in_zip
from modelport.sources.files.formats.format import File, Found, UnknownContentError
from modelport.sources.files.formats.known import KNOWN
from modelport.sources.files.formats.pickles import found_compressed
from modelport.sources.files.opening import check_pointer, opened
from modelport.sources.files.other_files import words_for_other

HEAD_BYTES = 4096


def found_in_file(path: Path) -> Found:
    """What a file is. Raises `ModelLoadError`, also for what a guard refuses."""
    with opened(path) as file:
        try:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, 2)
            return _recognised(File(path, file, head, size))
        except FileRefused as error:
            raise ModelLoadError(f"{path}: {error}") from None
        except OSError as error:  # a disk or a network that fails while it is read
            reason = error.strerror or errno.errorcode.get(error.errno or 0, "")
            raise ModelLoadError(f"{path}: it cannot be read: {reason}") from None


def _recognised(look: File) -> Found:
    path, head = look.path, look.head
    if not head:
        raise ModelLoadError(f"{path}: it is an empty file (0 bytes); save or copy the model again")
    check_pointer(path, head)
    if head.startswith((ZIP, EMPTY_ZIP)):
        return found_in_zip(path, look.file, look.size)
    compression = compression_of(head)
    if compression:
        return found_compressed(look, compression)
    ways = [known.by_head for known in KNOWN] + [known.by_content for known in KNOWN]
    for way in ways:
        found = way(look) if way is not None else None
        if found is not None:
            return found
    if path.name == "saved_model.pb":
        raise ModelLoadError(f"{path}: it is a part of a SavedModel; name its folder {path.parent}")
    raise UnknownContentError(f"{path}: {words_for_other(head, look.size)}")
