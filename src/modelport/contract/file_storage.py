"""An uploaded file as models for DEEPaaS V1 had it: by the methods of Werkzeug's `FileStorage`."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

OWN_METHODS = ("stream", "save", "close", "mimetype", "mimetype_params", "content_length", "headers")
OF_STREAMS = (
    "read", "readline", "readlines", "readinto", "seek", "tell", "seekable", "readable", "writable", "closed",
    "peek", "fileno", "flush",
)  # fmt: skip
METHODS = frozenset((*OWN_METHODS, *OF_STREAMS))  # what V2's `UploadedFile` does not have
MAX_TOLD = 100  # places in a model's code that the log names: each once

log = logging.getLogger("modelport")
_told: set[tuple[str, int]] = set()


class FileStorage:
    """A file of a request, for as long as that lasts.

    `filename` is what the client called it: never use it as a path. What is not here, its `stream` has.
    Source: Werkzeug's documentation of `FileStorage`.
    """

    def __init__(self, path: str, filename: str, name: str, content_type: str):
        self._path = path
        self._stream: IO[bytes] | None = None
        self.filename = filename
        self.name = name
        self.content_type = content_type

    @property
    def stream(self) -> IO[bytes]:
        """The file, opened for reading; always the same one."""
        if self._stream is None:
            self._stream = Path(self._path).open("rb")  # noqa: SIM115 - closed with this object
        return self._stream

    @property
    def mimetype(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def mimetype_params(self) -> dict[str, str]:
        """The parameters of the content type, such as `{"charset": "utf-8"}`."""
        pairs = (one.partition("=") for one in self.content_type.split(";")[1:])
        return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs if name.strip()}

    @property
    def content_length(self) -> int:
        """The size of the file in bytes."""
        return Path(self._path).stat().st_size

    @property
    def headers(self) -> dict[str, str]:
        """The headers of this part of the form, as far as they are known."""
        return {
            "Content-Disposition": f'form-data; name="{self.name}"; filename="{self.filename}"',
            "Content-Type": self.content_type,
        }

    def save(self, dst: Any, buffer_size: int = 16384) -> None:
        """Write the rest of the file to a path or to an open file. Raises `OSError`."""
        if hasattr(dst, "write"):
            shutil.copyfileobj(self.stream, dst, buffer_size)
            return
        target = Path(dst)
        if target.exists() and target.samefile(self._path):
            return
        with target.open("wb") as file:
            shutil.copyfileobj(self.stream, file, buffer_size)

    def close(self) -> None:
        """Close the file. It may be called again."""
        if self._stream is not None:
            self._stream.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.stream, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def __bool__(self) -> bool:
        return bool(self.filename)

    def __repr__(self) -> str:
        return f"<FileStorage: {self.filename!r} ({self.content_type!r})>"


def file_storage(upload: Any) -> Any:
    """The `FileStorage` of an uploaded file: Werkzeug's own where the model has imported it.

    An upload without a name gets that of its argument: V1 knew none without.
    """
    filename = upload.original_filename or upload.name or "file"
    content_type = upload.content_type or ""
    werkzeug: Any = sys.modules.get("werkzeug.datastructures")
    if hasattr(werkzeug, "FileStorage"):
        size = Path(upload.filename).stat().st_size
        stream = Path(upload.filename).open("rb")  # noqa: SIM115 - closed with what is returned
        return werkzeug.FileStorage(stream, filename, upload.name, content_type, size)
    return FileStorage(upload.filename, filename, upload.name or "", content_type)


def tell_old_method(name: str) -> None:
    """Say in the log, once, where a model's code uses a method of `FileStorage` on an `UploadedFile`.

    To be called by the attribute's `__getattr__`, which that code has asked.
    """
    asking = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    place = (asking.f_code.co_filename, asking.f_lineno)
    if place in _told or len(_told) >= MAX_TOLD:
        return
    _told.add(place)
    log.warning(
        "%s:%d: %r is of werkzeug's FileStorage (deprecated); an UploadedFile has the path of the file: "
        "write open(f.filename, 'rb')%s",
        *place, name, ".read()" if name == "read" else "",
    )  # fmt: skip
