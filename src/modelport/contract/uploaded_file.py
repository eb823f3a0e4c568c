"""What a DEEPaaS model receives for a file argument."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, cast

from modelport.contract.file_storage import METHODS, file_storage, tell_old_method

STORAGE = "_storage"


class _Fields(NamedTuple):
    name: str | None = None
    filename: str | None = None
    content_type: str | None = None
    original_filename: str | None = None


def _asked(self: Any, name: str) -> Any:
    """An attribute that an `UploadedFile` does not have: V1's files were of Werkzeug, and had it."""
    if name not in METHODS or self.filename is None:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    tell_old_method(name)
    kept = self.__dict__
    if STORAGE not in kept:
        kept[STORAGE] = file_storage(self)
    return getattr(kept[STORAGE], name)


class UploadedFile(_Fields):
    """An uploaded file, on disk for as long as the request lasts.

    `name` is the argument, `filename` the absolute path of the temporary file, `original_filename`
    what the client called it (never use it as a path). Source: DEEPaaS V2 model API. The methods of V1's
    files (`read`, `save`, `stream`…) work, and the log says that they should go.
    """

    __getattr__ = _asked

    def __reduce__(self) -> tuple[Any, ...]:
        return UploadedFile, tuple(self)


@cache
def with_old_methods(given: type[Any]) -> type[Any]:
    """The `UploadedFile` of an installed `deepaas`, with the methods of V1's files.

    Pickled it is the given one: another process finds no other.
    """
    if issubclass(given, UploadedFile):
        return given

    def reduce(self: Any) -> tuple[Any, ...]:
        return given, tuple(self)

    members: dict[str, Any] = {
        "__doc__": given.__doc__,
        "__module__": given.__module__,
        "__getattr__": _asked,
        "__reduce__": reduce,
    }
    return type(given.__name__, (given,), members)


def is_uploaded_file(value: Any) -> bool:
    """True for an uploaded file, also for one of the class of an installed `deepaas`."""
    return isinstance(value, UploadedFile) or (
        isinstance(value, tuple) and hasattr(cast("object", value), "original_filename")
    )
