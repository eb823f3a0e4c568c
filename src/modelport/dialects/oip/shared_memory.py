"""What clients say of their shared memory, as types for the API documents.

Source: Triton's extensions for system and CUDA shared memory.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Bytes = Annotated[int, Meta(ge=0, le=(1 << 62) - 1)]
Length = Annotated[int, Meta(ge=1, le=(1 << 62) - 1)]


class NewRegion(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to register a region."""

    key: Annotated[str, Meta(description="The name of the memory, such as `/mine`")]
    byte_size: Length
    offset: Annotated[Bytes, Meta(description="Where in the memory it begins")] = 0


class NewCudaRegion(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to register the memory of a GPU, which is refused."""

    raw_handle: Any = None
    device_id: Any = None
    byte_size: Any = None


class ShownRegion(msgspec.Struct):
    """A region that is registered."""

    name: str
    key: str
    offset: int
    byte_size: int


class Done(msgspec.Struct):
    """It is done."""
