"""What a DEEPaaS model receives for a file argument."""

from __future__ import annotations

from typing import Any, NamedTuple, cast


class UploadedFile(NamedTuple):
    """An uploaded file, on disk for as long as the request lasts.

    `name` is the argument, `filename` the absolute path of the temporary file, `original_filename`
    what the client called it (never use it as a path). Source: DEEPaaS V2 model API.
    """

    name: str | None = None
    filename: str | None = None
    content_type: str | None = None
    original_filename: str | None = None


def is_uploaded_file(value: Any) -> bool:
    """True for an uploaded file, also for one of the class of an installed `deepaas`."""
    return isinstance(value, UploadedFile) or (
        isinstance(value, tuple) and hasattr(cast("object", value), "original_filename")
    )
