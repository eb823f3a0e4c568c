"""Opening what a path names, where anything at all may lie there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, NoReturn

from modelport.contract.errors import ModelLoadError
from modelport.sources.near_names import near_files

KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
LFS = (b"version https://git-lfs", b"version https://hawser")


def is_folder(path: Path) -> bool:
    """True for a folder. Raises `ModelLoadError` for a path that leads to nothing that can be read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        _refuse(path, error)
    for is_kind, words in KINDS:
        if is_kind(mode):
            raise ModelLoadError(f"{path}: it is {words}, not a file; save the model to a file first")
    return stat.S_ISDIR(mode)


def opened(path: Path) -> BinaryIO:
    """The file, to be read. Never waits for a pipe. Raises `ModelLoadError` saying why it cannot be read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        _refuse(path, error)
    file = os.fdopen(number, "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise ModelLoadError(f"{path}: it is no regular file")
    return file


def check_pointer(path: Path, head: bytes) -> None:
    """Raise `ModelLoadError` if this is what Git keeps in place of a large file."""
    if head.startswith(LFS):
        raise ModelLoadError(
            f"{path}: it is a pointer of Git LFS, not the model itself; fetch the model with `git lfs pull`"
        )


def _refuse(path: Path, error: OSError) -> NoReturn:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        if path.is_symlink():
            raise ModelLoadError(f"{path}: it is a symbolic link to a file that does not exist") from None
        raise ModelLoadError(f"{path}: there is no such file{near_files(path)}") from None
    if error.errno == errno.ELOOP:
        raise ModelLoadError(f"{path}: it is a symbolic link that leads to itself; link it anew") from None
    if error.errno in (errno.EACCES, errno.EPERM):
        raise ModelLoadError(
            f"{path}: it cannot be read (permission denied); give whoever serves it the right to read it"
        ) from None
    raise ModelLoadError(f"{path}: it cannot be read: {error.strerror}") from None
