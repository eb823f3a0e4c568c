"""A package whose version is no plain text, as torch's: a subclass that compares as versions do."""

from __future__ import annotations

from typing import Any


class Version(str):
    """A text that is compared by its numbers, with whatever looks like a version."""

    __slots__ = ()

    def _numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.partition("+")[0].split("."))

    def __eq__(self, other: Any) -> bool:
        return self._numbers() == Version(other)._numbers()

    def __lt__(self, other: Any) -> bool:
        return self._numbers() < Version(other)._numbers()

    __hash__ = str.__hash__


__version__ = Version("2.13.0+cpu")
