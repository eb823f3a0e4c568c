"""What a guard says of content that the library meant for it must not see."""

from __future__ import annotations


class FileRefused(Exception):
    """A model file that is not to be loaded: `str()` says why and what to do, without the file's name."""


class TableInvalid(ValueError):
    """A table that cannot be read; `str()` says why, for the client."""
