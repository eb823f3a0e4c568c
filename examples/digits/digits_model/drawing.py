"""The annotated picture: what was sent, what the classifier saw, and how sure it is."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 720, 400, 24
SHOWN = 264  # the side of the square that the picture is enlarged into
SEEN = 64
BARS_LEFT, BARS_RIGHT = 360, 628
ROW = (HEIGHT - 2 * MARGIN) / 10

PAPER, INK, FAINT = "#ffffff", "#1f2933", "#7b8794"
FRAME, TRACK, BAR, BEST = "#cbd2d9", "#eef1f4", "#9fb3c8", "#0b7285"


def annotated(picture: Image.Image, cells: np.ndarray, probabilities: dict[str, float]) -> bytes:
    """A PNG with the picture enlarged, the most likely label and a bar for every label."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(sheet)
    best = max(probabilities, key=lambda label: probabilities[label])
    _paste(sheet, draw, picture, (MARGIN, MARGIN), SHOWN)
    _paste(sheet, draw, _seen(cells), (MARGIN, MARGIN * 2 + SHOWN), SEEN)
    _verdict(draw, best, probabilities[best])
    for row, (label, probability) in enumerate(probabilities.items()):
        _bar(draw, row, label, probability, label == best)
    encoded = io.BytesIO()
    sheet.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _paste(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, picture: Image.Image, corner: tuple[int, int], side: int
) -> None:
    """The picture in a framed square: small ones with their pixels showing, large ones smooth."""
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    left, top = corner
    place = (left + (side - size[0]) // 2, top + (side - size[1]) // 2)
    draw.rectangle((left - 1, top - 1, left + side, top + side), fill=TRACK, outline=FRAME)
    sheet.paste(picture.convert("RGB").resize(size, method), place)


def _seen(cells: np.ndarray) -> Image.Image:
    return Image.fromarray((255 - cells * (255 / 16)).astype(np.uint8))


def _verdict(draw: ImageDraw.ImageDraw, label: str, probability: float) -> None:
    left, middle = MARGIN * 2 + SEEN, MARGIN * 2 + SHOWN + SEEN // 2
    draw.text((left, middle), label, BEST, _font(60), anchor="lm")
    draw.text((left + 52, middle - 12), _percent(probability), INK, _font(22), anchor="lm")
    draw.text((left + 52, middle + 14), "read from the 8 x 8 grid", FAINT, _font(13), anchor="lm")


def _bar(draw: ImageDraw.ImageDraw, row: int, label: str, probability: float, is_best: bool) -> None:
    top = MARGIN + row * ROW
    middle, bottom = top + ROW / 2, top + ROW - 8
    colour = BEST if is_best else INK
    draw.text((BARS_LEFT - 24, middle), label, colour, _font(20), anchor="mm")
    draw.rounded_rectangle((BARS_LEFT, top + 8, BARS_RIGHT, bottom), 4, fill=TRACK)
    length = (BARS_RIGHT - BARS_LEFT) * probability
    if length >= 1:
        radius = min(4, length / 2)
        draw.rounded_rectangle(
            (BARS_LEFT, top + 8, BARS_LEFT + length, bottom), radius, fill=BEST if is_best else BAR
        )
    draw.text((WIDTH - MARGIN, middle), _percent(probability), colour, _font(16), anchor="rm")


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
