"""The confusion matrix: which digit was taken for which, as a table and as a picture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL, MARGIN, TITLE = 44, 44, 40
PAPER, INK, FAINT, RIGHT, WRONG = "#ffffff", "#1f2933", "#7b8794", "#0b7285", "#c92a2a"


def write(matrix: np.ndarray, labels: list[str], folder: Path) -> list[Path]:
    """Put `confusion-matrix.csv` and `.png` into a folder: a row for each digit, a column for each answer."""
    table, picture = folder / "confusion-matrix.csv", folder / "confusion-matrix.png"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["digit", *(f"read as {label}" for label in labels)])
        rows.writerows([label, *(int(n) for n in row)] for label, row in zip(labels, matrix, strict=True))
    _drawn(matrix, labels).save(picture, "PNG", optimize=True)
    return [table, picture]


def _drawn(matrix: np.ndarray, labels: list[str]) -> Image.Image:
    side = CELL * len(labels)
    sheet = Image.new("RGB", (MARGIN + side + 12, TITLE + MARGIN + side + 12), PAPER)
    draw = ImageDraw.Draw(sheet)
    read = f"{int(matrix.trace())} of {int(matrix.sum())} read: rows are what it is, columns what was read"
    draw.text((12, TITLE / 2), read, INK, ImageFont.load_default(14), anchor="lm")
    for index, label in enumerate(labels):
        middle = MARGIN + (index + 0.5) * CELL
        draw.text((middle, TITLE + MARGIN / 2), label, FAINT, ImageFont.load_default(18), anchor="mm")
        draw.text((MARGIN / 2, TITLE + middle), label, FAINT, ImageFont.load_default(18), anchor="mm")
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            share = float(count) / max(float(counts.sum()), 1.0)
            _cell(
                draw, (MARGIN + column * CELL, TITLE + MARGIN + row * CELL), int(count), share, row == column
            )
    return sheet


def _cell(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], count: int, share: float, is_right: bool
) -> None:
    """One cell: the fuller its colour, the more of the row's digits are in it."""
    left, top = corner
    full = Image.new("RGB", (1, 1), RIGHT if is_right else WRONG).getpixel((0, 0))
    weight = 0.15 + 0.85 * share if count else 0.0
    colour = tuple(round(255 + (part - 255) * weight) for part in full)
    draw.rectangle((left, top, left + CELL - 2, top + CELL - 2), fill=colour, outline="#eef1f4")
    if count:
        words = PAPER if weight > 0.5 else INK
        middle = (left + CELL / 2 - 1, top + CELL / 2 - 1)
        draw.text(middle, str(count), words, ImageFont.load_default(16), anchor="mm")
