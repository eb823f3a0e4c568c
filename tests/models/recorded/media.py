"""`accept` chooses among JSON, an open file, bytes of an archive, and text."""

from __future__ import annotations

import base64
import io
import tempfile
import zipfile
from collections.abc import Callable
from typing import Any

from webargs import fields, validate

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgAB4iG8MwAAAABJRU5ErkJggg=="
)


def _file() -> Any:
    file = tempfile.NamedTemporaryFile(suffix=".png")  # noqa: SIM115 - who answers closes it
    file.write(PICTURE)
    file.seek(0)
    return file


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, mode="w") as archive:
        archive.writestr("picture.png", PICTURE)
    return buffer.getvalue()


MADE: dict[str, Callable[[], Any]] = {
    "application/json": lambda: {"accept": "application/json"},
    "image/png": _file,
    "application/zip": _archive,
    "text/plain": lambda: b"a plain answer\n",
}


def get_metadata() -> dict[str, str]:
    return {"name": "media", "description": "Answers in several media types"}


def get_predict_args() -> dict[str, fields.Field]:
    return {"accept": fields.Str(validate=validate.OneOf(list(MADE)), description="What to answer with")}


def predict(accept: str) -> Any:
    return MADE[accept]()
