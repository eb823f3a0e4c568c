"""The dialects: the APIs that clients speak to models here, each in the folder of its name.

A folder has up to three parts: `codec`, how a worker reads its calls and writes its answers; `server`, what
the server answers; and `document`, what the API documents say of it. The codec and the server know nothing of
each other; what both need stands in a file beside them. A part is imported when it is needed first, and by
`part` alone.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

NAMES = (
    "v2",
    "mlup",
    "lesson",
    "asked",
    "oip",
    "generate",
    "grpc",
    "scoring",
    "openai",
    "mcp",
    "openwhisk",
)


def part(name: str, which: str) -> Any:
    """The module of one part of a dialect: `codec`, `server` or `document`; `None` if it has none.

    Raises `LookupError` for a name that is none of `NAMES`.
    """
    if name not in NAMES:
        raise LookupError(f"there is no dialect {name!r}; there is: {', '.join(NAMES)}")
    place = f"{__name__}.{name}.{which}"
    return import_module(place) if find_spec(place) is not None else None
