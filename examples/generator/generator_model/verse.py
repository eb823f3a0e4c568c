"""The text of the example: Shakespeare's sonnets, and its characters as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "sonnets.txt"
HELD_OUT = 10  # every tenth sonnet is not learned from
GAP = "\n\n"  # what stands between two sonnets: a text begins after it


@dataclass(frozen=True)
class Alphabet:
    """The characters that the network knows, each with its place as its number."""

    characters: str

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {character: number for number, character in enumerate(self.characters)}

    def unknown(self, text: str) -> str:
        """The characters of a text that are not known, each once."""
        return "".join(dict.fromkeys(character for character in text if character not in self._numbers))

    def numbers(self, text: str) -> list[int]:
        """The text as numbers. Raises `KeyError` for a character that is not known."""
        return [self._numbers[character] for character in text]

    def __len__(self) -> int:
        return len(self.characters)


def read(path: Path = FILE) -> tuple[str, str]:
    """The sonnets to learn from, and those to measure with, each as one text."""
    sonnets = path.read_text(encoding="utf-8").strip().split(GAP)
    held_out = sonnets[HELD_OUT - 1 :: HELD_OUT]
    return _joined(sonnet for sonnet in sonnets if sonnet not in held_out), _joined(held_out)


def alphabet(path: Path = FILE) -> Alphabet:
    """Every character of the sonnets."""
    return Alphabet("".join(sorted(set(path.read_text(encoding="utf-8")))))


def columns(numbers: Iterable[int], width: int) -> np.ndarray:
    """A text in so many columns of one length, to be read side by side: (rows, width)."""
    whole = np.fromiter(numbers, dtype=np.intp)
    rows = len(whole) // width
    return whole[: rows * width].reshape(width, rows).T


def _joined(sonnets: Iterable[str]) -> str:
    return "".join(GAP + sonnet for sonnet in sonnets) + GAP
