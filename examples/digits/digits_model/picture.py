"""From any picture of one digit to the 8x8 grid of 0..16 that the classifier was trained on."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_SIDE = 8192
MAX_PIXELS = 16_000_000
WORKING_SIDE = 512  # larger pictures are reduced first: eight by eight is all that is wanted
SIDE = 8
DEPTH = 16.0  # a cell counts the dark pixels of a 4x4 block, as in the data set
MIN_CONTRAST = 16  # of 255: less is an empty sheet
NOISE = 0.2  # of the strongest stroke: paler is paper
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


class NotADigit(ValueError):
    """The picture cannot be read as one; `str()` says why, in words for the client."""


def open_picture(path: str | Path) -> Image.Image:
    """The picture as `RGB` or `L`, transparency resolved. Raises `NotADigit`.

    Its size is checked before a single pixel is decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of odd metadata is not the client's concern
        try:
            with Image.open(path, formats=FORMATS) as image:
                _check_size(image)
                image.load()
                return _opaque(ImageOps.exif_transpose(image))
        except NotADigit:
            raise
        except Image.DecompressionBombError:
            raise NotADigit(f"The picture has more than {MAX_PIXELS:,} pixels.") from None
        except Image.UnidentifiedImageError:
            raise NotADigit(f"Not a picture: send {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.") from None
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError):
            raise NotADigit("The picture is damaged and cannot be decoded.") from None


def grid(image: Image.Image) -> np.ndarray:
    """What the classifier sees: the digit cropped, centred and scaled to (8, 8), each cell 0..16.

    Dark on light and light on dark come out alike. Raises `NotADigit` for an empty sheet.
    """
    pixels = np.asarray(_reduced(image.convert("L")), dtype=np.float32)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ink = np.abs(pixels - np.median(edge))
    strongest = float(ink.max())
    if strongest < MIN_CONTRAST:
        raise NotADigit("The picture is blank: there is no digit to read.")
    ink = np.where(ink < NOISE * strongest, 0.0, ink / strongest)
    small = Image.fromarray(_square(_cropped(ink)).astype(np.float32)).resize(
        (SIDE, SIDE), Image.Resampling.BOX
    )
    cells = np.asarray(small, dtype=np.float64)
    return np.round(cells * (DEPTH / cells.max()))


def picture_of(cells: np.ndarray, side: int = 64, dark_on_light: bool = True) -> Image.Image:
    """An 8x8 grid of 0..16 as a picture of `side` pixels with a margin: the way back."""
    grey = np.clip(np.asarray(cells) * (255.0 / DEPTH), 0, 255).astype(np.uint8)
    inner = side * 15 // 16  # ten cells of which the outer ones are paper, so that strokes end softly
    digit = Image.fromarray(np.pad(grey, 1)).resize((inner, inner), Image.Resampling.BICUBIC)
    sheet = Image.new("L", (side, side), 0)
    sheet.paste(digit, ((side - inner) // 2, (side - inner) // 2))
    return ImageOps.invert(sheet) if dark_on_light else sheet


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise NotADigit(
            f"The picture is too large: {width}x{height}, at most {MAX_PIXELS:,} pixels are read."
        )


def _opaque(image: Image.Image) -> Image.Image:
    """Without transparency: the paper becomes white under dark strokes, black under light ones."""
    if image.mode.startswith(("I", "F")):  # 16 and 32 bits a pixel, which Pillow would only clip
        deep = np.asarray(image, dtype=np.float64)
        depth = 65535.0 if image.mode.startswith("I") else max(float(np.nanmax(deep)), 1.0)
        return Image.fromarray(np.clip(np.nan_to_num(deep) * (255.0 / depth), 0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    layered = image.convert("RGBA")
    alpha = np.asarray(layered.getchannel("A"), dtype=np.float32)
    grey = np.asarray(layered.convert("RGB").convert("L"), dtype=np.float32)
    weight = float(alpha.sum())
    is_dark = weight == 0.0 or float((grey * alpha).sum()) / weight < 128
    paper = Image.new("RGBA", layered.size, "white" if is_dark else "black")
    return Image.alpha_composite(paper, layered).convert("RGB")


def _reduced(image: Image.Image) -> Image.Image:
    factor = max(image.size) // WORKING_SIDE
    if factor < 2:
        return image
    return image.reduce((min(factor, image.width), min(factor, image.height)))


def _cropped(ink: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _square(ink: np.ndarray) -> np.ndarray:
    """Centred on the smallest square that holds it, so that a 1 stays thin."""
    height, width = ink.shape
    side = max(height, width)
    sheet = np.zeros((side, side), dtype=ink.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    sheet[top : top + height, left : left + width] = ink
    return sheet
