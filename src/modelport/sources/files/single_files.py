"""Which format a model of one file has, told by its content."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import BinaryIO

from modelport.contract.errors import ModelLoadError
from modelport.guards.archives import EMPTY_ZIP, ZIP
from modelport.guards.bounded import DAMAGED, compression_of, decompressed
from modelport.guards.errors import FileRefused
from modelport.guards.onnx import is_onnx
from modelport.guards.pickles import Scan, is_pickle, scanned
from modelport.sources.files.archives import found_in_zip
from modelport.sources.files.formats import CODE, FORMATS
from modelport.sources.files.found import Found, UnknownContentError
from modelport.sources.files.heads import format_of_head, words_for_other
from modelport.sources.files.opening import check_pointer, opened

HEAD_BYTES = 4096
# How a file of torch's older form begins: a pickle of this number.
OLD_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
JOBLIB = "joblib.numpy_pickle."
CLOUDPICKLE = "cloudpickle."


def found_in_file(path: Path) -> Found:
    """What a file is. Raises `ModelLoadError`, also for what a guard refuses."""
    with opened(path) as file:
        try:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, 2)
            return _recognised(path, file, head, size)
        except FileRefused as error:
            raise ModelLoadError(f"{path}: {error}") from None
        except OSError as error:  # a disk or a network that fails while it is read
            reason = error.strerror or errno.errorcode.get(error.errno or 0, "")
            raise ModelLoadError(f"{path}: it cannot be read: {reason}") from None


def _recognised(path: Path, file: BinaryIO, head: bytes, size: int) -> Found:
    if not head:
        raise ModelLoadError(f"{path}: it is an empty file (0 bytes); save or copy the model again")
    check_pointer(path, head)
    if head.startswith((ZIP, EMPTY_ZIP)):
        return found_in_zip(path, file, size)
    compression = compression_of(head)
    if compression:
        return _compressed(path, file, compression)
    known = format_of_head(head, file, size)
    if known:
        return Found(path, FORMATS[known], FORMATS[known].danger)
    if is_pickle(head):
        return _pickled(path, file, head.startswith(OLD_TORCH))
    if is_onnx(path, file, size):
        return Found(path, FORMATS["onnx"])
    if path.name == "saved_model.pb":
        raise ModelLoadError(f"{path}: it is a part of a SavedModel; name its folder {path.parent}")
    words = words_for_other(head, size)
    raise UnknownContentError(f"{path}: {words}")


def _pickled(path: Path, file: BinaryIO, is_torch: bool) -> Found:
    file.seek(0)
    scan = scanned(file)
    if is_torch:
        return Found(path, FORMATS["torch"], CODE, scan)
    if scan.cut:
        raise ModelLoadError(
            f"{path}: this pickle ends in the middle (it is cut off); copy or save the model again"
        )
    name = "pickle"
    if any(found.startswith(JOBLIB) for found in scan.names):
        name = "joblib"
    elif any(found.startswith(CLOUDPICKLE) for found in scan.names):
        name = "cloudpickle"
    return Found(path, FORMATS[name], CODE, scan)


def _compressed(path: Path, file: BinaryIO, compression: str) -> Found:
    """joblib compresses its pickles; whatever else is compressed has to be decompressed first."""
    content = decompressed(file, compression)
    if content is None:
        return Found(path, FORMATS["joblib"], CODE, Scan(incomplete="lz4 is not installed"))
    try:
        head = content.read(HEAD_BYTES)
    except EOFError:
        raise _cut(path, compression) from None
    except DAMAGED:
        raise ModelLoadError(
            f"{path}: its {compression} data is damaged; copy or save the model again"
        ) from None
    if not is_pickle(head):
        raise UnknownContentError(
            f"{path}: it is compressed by {compression}, and no pickle of joblib; decompress it first"
        )
    content = decompressed(file, compression)
    scan = scanned(content) if content is not None else Scan()
    if scan.cut:
        raise _cut(path, compression)
    return Found(path, FORMATS["joblib"], CODE, scan)


def _cut(path: Path, compression: str) -> ModelLoadError:
    return ModelLoadError(f"{path}: its {compression} data ends in the middle; copy or save the model again")
