"""The pipeline example: where the digit is, what it is, and what is told of a picture without one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from serving import serving

import modelport


@pytest.fixture(scope="module")
def pipeline(examples: Path, cache: Path) -> Any:
    return modelport.model("pipeline", source=str(examples / "pipeline" / "pipeline.py"))


def sheet(examples: Path, digit: int, place: tuple[int, int], scale: int = 1) -> Image.Image:
    """A larger picture with one of the digits on it, dark on light."""
    with Image.open(examples / "digits" / "pictures" / f"{digit}.png") as image:
        written = image.convert("L")
    if written.getpixel((0, 0)) == 0:
        written = ImageOps.invert(written)
    drawn = Image.new("L", (400, 300), 255)
    drawn.paste(written.resize((64 * scale, 64 * scale)), place)
    return drawn


@pytest.mark.parametrize("digit", range(10))
def test_each_digit_is_read_wherever_it_stands(pipeline: Any, examples: Path, digit: int) -> None:
    place = (20 + 25 * digit, 200 - 15 * digit)
    found = pipeline.predict(image=sheet(examples, digit, place))
    assert found["label"] == str(digit)
    assert found["probability"] > 0.5
    left, top, right, bottom = found["box"]
    assert place[0] - 5 <= left < right <= place[0] + 69
    assert place[1] - 5 <= top < bottom <= place[1] + 69
    assert 0.05 < found["ink"] < 0.6


def test_light_on_dark_is_as_good(pipeline: Any, examples: Path) -> None:
    dark = ImageOps.invert(sheet(examples, 4, (200, 100), scale=2))
    assert pipeline.predict(image=dark)["label"] == "4"


def test_what_leans_is_measured(examples: Path) -> None:
    measure = modelport.model("measure", source=str(examples / "pipeline" / "measure.py"))
    upright = np.full((20, 20), 255, np.uint8)
    upright[:, 9:11] = 0
    leaning = np.full((20, 20), 255, np.uint8)
    leaning[range(20), range(19, -1, -1)] = 0
    assert measure.predict(pixels=upright) == {"ink": 0.1, "slant": 0.0}
    assert measure.predict(pixels=leaning)["slant"] == 45.0
    assert measure.predict(pixels=np.full((2, 2), 255, np.uint8)) == {"ink": 0, "slant": 0}


@pytest.mark.slow
def test_a_server_has_all_of_them_and_tells_what_its_client_has_sent(examples: Path, cache: Path) -> None:
    files = ("pipeline/pipeline.py", "pipeline/find.py", "pipeline/measure.py", "digits/digits.py")
    blank = io.BytesIO()
    Image.new("L", (50, 50), 200).save(blank, "PNG")
    with serving(*(str(examples / file) for file in files), XDG_CACHE_HOME=str(cache)) as server:
        url = "/v2/models/pipeline/predict"
        picture = (examples / "pipeline" / "pictures" / "sheet.png").read_bytes()
        assert server.client.post(url, files={"image": picture}).json()["label"] == "7"
        refused = server.client.post(url, files={"image": blank.getvalue()})
        assert (refused.status_code, refused.json()["detail"]) == (422, "there is nothing on the picture")
