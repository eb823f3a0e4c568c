"""Files that came as base64, as a form: for models that read files in no other way."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

DATA_URI = re.compile(r"data:([^,;]*)(?:;[^,]*)?,(.*)", re.DOTALL)
ANY_TYPE = "application/octet-stream"


class WrongArgument(ValueError):
    """An argument of a tool that no request can be made of: why, in words."""


def multipart(fields: Mapping[str, str], files: Mapping[str, Sequence[Any]]) -> tuple[str, bytes]:
    """The Content-Type and the body of a form. Raises `WrongArgument` for a file that is no base64."""
    boundary = token_hex(16)
    parts: list[bytes] = []
    for name, text in fields.items():
        parts.append(_part(boundary, name, "", "") + text.encode())
    for name, contents in files.items():
        for content in contents:
            media_type, data = _file(name, content)
            parts.append(_part(boundary, name, name, media_type) + data)
    body = b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])
    return f"multipart/form-data; boundary={boundary}", body


def _part(boundary: str, name: str, filename: str, media_type: str) -> bytes:
    quoted = name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{quoted}"'
    if media_type:
        head += f'; filename="{quoted}"\r\ncontent-type: {media_type}'
    return f"{head}\r\n\r\n".encode()


def _file(name: str, content: Any) -> tuple[str, bytes]:
    if not isinstance(content, str):
        raise WrongArgument(f"{name}: a file comes as base64, or as a data: URI")
    found = DATA_URI.fullmatch(content)
    media_type, text = (found[1] or ANY_TYPE, found[2]) if found else (ANY_TYPE, content)
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", media_type):
        media_type = ANY_TYPE
    try:
        return media_type, base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise WrongArgument(f"{name}: this is no base64, and no data: URI of it") from None
