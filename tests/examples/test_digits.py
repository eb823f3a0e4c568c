"""The digits example: pictures in, labels, annotated pictures and zips out."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from PIL import Image, ImageOps

from modelport.contract.errors import AnswerInvalid, ArgumentErrors, BadRequest
from modelport.contract.places import Places
from modelport.contract.served import ServedModel
from modelport.contract.uploaded_file import UploadedFile
from modelport.sources.load import load_model
from modelport.sources.source import parse_source

DIGITS = [str(digit) for digit in range(10)]


def upload(path: Path) -> UploadedFile:
    return UploadedFile("image", str(path), "image/png", path.name)


def ask(model: ServedModel, path: Path, accept: str | None = None, **query: str) -> Any:
    places = Places(
        query={key: [value] for key, value in query.items()}, form={"image": [upload(path)]}, accept=accept
    )
    arguments = model.bind("predict", places)
    answer = model.call("predict", arguments)
    return model.check_answer(answer) if arguments["accept"] == "application/json" else answer.read()


def label(model: ServedModel, path: Path) -> str:
    return ask(model, path)["predictions"][0]["label"]


@pytest.fixture
def picture(examples: Path) -> Callable[[str], Path]:
    return lambda digit: examples / "digits" / "pictures" / f"{digit}.png"


@pytest.fixture
def seven(picture: Callable[[str], Path]) -> Image.Image:
    """A seven in black on white."""
    with Image.open(picture("7")) as image:
        return image.convert("L")


# --- what it says of itself


def test_source_path_names_the_model(digits: ServedModel) -> None:
    assert digits.signature.name == "digits"
    assert digits.signature.contract == "deepaas"
    assert digits.signature.problems == []
    assert digits.signature.metadata["license"] == "Apache-2.0"


def test_signature_shows_file_choices_and_bounds(digits: ServedModel) -> None:
    arguments = {a.name: a for a in digits.signature.predict.arguments}
    assert arguments["image"].kind == "file"
    assert arguments["image"].required
    assert (arguments["top"].schema["minimum"], arguments["top"].schema["maximum"]) == (1, 10)
    assert digits.signature.predict.media_types == ["application/json", "image/png", "application/zip"]
    assert not digits.signature.predict.wrapped


def test_entry_point_names_the_same_model(digits: ServedModel, examples: Path) -> None:
    project = tomllib.loads((examples / "digits" / "pyproject.toml").read_text())
    entry_points = project["project"]["entry-points"]["deepaas.v2.model"]
    assert entry_points == {"digits": "digits_model.api"}
    installed = load_model(parse_source("digits=digits_model.api"))
    assert installed.signature == digits.signature


# --- real digits


@pytest.mark.parametrize("digit", DIGITS)
def test_every_picture_beside_it_is_read(
    digits: ServedModel, picture: Callable[[str], Path], digit: str
) -> None:
    answer = ask(digits, picture(digit))
    probabilities = [p["probability"] for p in answer["predictions"]]
    assert answer["status"] == "OK"
    assert answer["predictions"][0]["label"] == digit
    assert sorted(p["label"] for p in answer["predictions"]) == DIGITS
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] > 0.9
    assert sum(probabilities) == pytest.approx(1)


def test_pictures_show_both_polarities(picture: Callable[[str], Path]) -> None:
    corners = {Image.open(picture(digit)).getpixel((0, 0)) for digit in DIGITS}
    assert corners == {0, 255}


def test_held_out_pictures_are_read(digits: ServedModel) -> None:
    from digits_model import classifier

    assert classifier.current().accuracy > 0.98
    assert classifier.current().test_size == 450


@pytest.mark.parametrize("side", [20, 250, 1500])
@pytest.mark.parametrize("dark_on_light", [True, False])
def test_size_and_polarity_do_not_matter(digits: ServedModel, side: int, dark_on_light: bool) -> None:
    from digits_model import classifier, training
    from digits_model.picture import grid, picture_of

    _, images, _, labels = training.hold_out()
    some = slice(0, 20 if side > 1000 else 60)
    seen = [grid(picture_of(image, side, dark_on_light)).ravel() for image in images[some]]
    assert classifier.current().estimator.score(seen, labels[some]) >= 0.95


# --- kinds of pictures


def transparent(ink: str) -> Callable[[Image.Image], Image.Image]:
    def convert(image: Image.Image) -> Image.Image:
        layered = Image.new("RGBA", image.size, ink)
        layered.putalpha(ImageOps.invert(image))
        return layered

    return convert


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "rgb": lambda image: image.convert("RGB"),
    "opaque rgba": lambda image: image.convert("RGBA"),
    "inverted": ImageOps.invert,
    "coloured": lambda image: ImageOps.colorize(image, "#2040a0", "#f0e0b0"),
    "black on transparent": transparent("black"),
    "white on transparent": transparent("white"),
    "grey and alpha": lambda image: image.convert("LA"),
    "palette": lambda image: image.convert("P"),
    "one bit": lambda image: image.convert("1", dither=Image.Dither.NONE),
    "16 bit": lambda image: Image.fromarray(np.asarray(image).astype(np.uint16) * 257),
    "faint": lambda image: image.point(lambda value: 200 + value // 8),
    "in a corner": lambda image: ImageOps.expand(image, (500, 0, 0, 300), 255),
    "wide": lambda image: ImageOps.expand(image, (1000, 0, 1000, 0), 255),
    "tight": lambda image: image.crop(ImageOps.invert(image).getbbox()),
    "huge": lambda image: image.resize((3000, 3000)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_pictures(digits: ServedModel, seven: Image.Image, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "seven.png"
    KINDS[kind](seven).save(path)
    assert label(digits, path) == "7"


@pytest.mark.parametrize("suffix", ["jpg", "gif", "bmp", "webp", "tiff"])
def test_other_formats(digits: ServedModel, seven: Image.Image, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"seven.{suffix}"
    seven.resize((256, 256)).save(path)
    assert label(digits, path) == "7"


def test_upright_by_its_orientation_tag(digits: ServedModel, seven: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "seven.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees clockwise
    seven.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    assert label(digits, path) == "7"


# --- media types


def test_annotated_picture(digits: ServedModel, picture: Callable[[str], Path]) -> None:
    with Image.open(io.BytesIO(ask(digits, picture("3"), accept="image/png"))) as image:
        image.load()
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (720, 400))


def test_annotated_picture_of_a_thin_strip(digits: ServedModel, tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    strip = Image.new("L", (2000, 2), 255)
    strip.putpixel((900, 1), 0)
    strip.save(path)
    with Image.open(io.BytesIO(ask(digits, path, accept="image/png"))) as image:
        assert image.size == (720, 400)


def test_zip_holds_both(digits: ServedModel, picture: Callable[[str], Path]) -> None:
    with zipfile.ZipFile(io.BytesIO(ask(digits, picture("3"), accept="application/zip"))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["prediction.json", "annotated.png"]
        assert json.loads(archive.read("prediction.json")) == ask(digits, picture("3"))
        assert archive.read("annotated.png") == ask(digits, picture("3"), accept="image/png")


def test_accept_as_argument_and_what_cannot_be_answered(
    digits: ServedModel, picture: Callable[[str], Path]
) -> None:
    assert ask(digits, picture("3"), accept="*/*")["status"] == "OK"
    places = Places(query={"accept": ["image/png"]}, form={"image": [upload(picture("3"))]})
    assert digits.bind("predict", places)["accept"] == "image/png"
    with pytest.raises(BadRequest, match="cannot answer"):
        ask(digits, picture("3"), accept="text/html")


def test_top(digits: ServedModel, picture: Callable[[str], Path]) -> None:
    assert [p["label"] for p in ask(digits, picture("3"), top="1")["predictions"]] == ["3"]
    with pytest.raises(ArgumentErrors) as caught:
        ask(digits, picture("3"), top="11")
    assert list(caught.value.messages) == ["top"]


def test_schema_refuses_another_answer(digits: ServedModel) -> None:
    with pytest.raises(AnswerInvalid):
        digits.check_answer({"status": "OK", "predictions": [{"label": "7", "probability": 1.5}]})


# --- what cannot be read


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    header = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00"
    chunk = (13).to_bytes(4) + header + zlib.crc32(header).to_bytes(4)
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4)


def encoded(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "Not a picture"),
    "text": (b"I am a picture", "Not a picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "Not a picture"),
    "too many pixels": (png_header(5000, 5000), "too large"),
    "bomb": (png_header(60_000, 60_000), "more than 16,000,000 pixels"),
    "bomb below the error": (png_header(10_000, 10_000), "too large"),
    "too long": (png_header(1_000_000, 1), "too large"),
    "no pixels": (png_header(0, 0), "picture"),
    "header only": (png_header(8, 8), "damaged"),
    "cut": (encoded(Image.effect_noise((99, 99), 90))[:2000], "damaged"),
    "white": (encoded(Image.new("L", (64, 64), 255)), "blank"),
    "black": (encoded(Image.new("RGB", (64, 64))), "blank"),
    "transparent": (encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0))), "blank"),
    "one pixel": (encoded(Image.new("L", (1, 1), 7)), "blank"),
    "nearly white": (encoded(Image.linear_gradient("L").point(lambda v: 250 + v // 64)), "blank"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_pictures_are_the_clients_fault(digits: ServedModel, tmp_path: Path, kind: str) -> None:
    content, words = BAD[kind]
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(web.HTTPBadRequest) as caught:
        ask(digits, path)
    assert words in caught.value.reason
    assert str(tmp_path) not in caught.value.reason


def test_a_picture_is_required(digits: ServedModel) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        digits.bind("predict", Places())
    assert caught.value.messages == {"image": ["Missing data for required field."]}


# --- the cache file


@pytest.fixture
def own_cache(digits: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The classifier module with an empty cache folder, and with training made free."""
    from digits_model import classifier

    trained = classifier.current()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(classifier, "_current", [])
    monkeypatch.setattr(classifier, "train", lambda: trained)
    return classifier


def test_first_start_keeps_what_it_trained(own_cache: Any) -> None:
    assert own_cache.load() is None
    own_cache.current()
    assert own_cache.load().accuracy == own_cache.current().accuracy
    assert [path.name for path in own_cache.cache_file().parent.iterdir()] == [own_cache.cache_file().name]


def test_another_scikit_learn_has_another_file(own_cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cache.current()
    monkeypatch.setattr(own_cache.sklearn, "__version__", "99.0")
    assert own_cache.load() is None


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04K\x01."])
def test_damaged_file_is_replaced(own_cache: Any, content: bytes) -> None:
    path = own_cache.cache_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert own_cache.load() is None
    assert own_cache.current() is not None
    assert own_cache.load() is not None


def test_cut_file_is_not_used(own_cache: Any) -> None:
    own_cache.current()
    path = own_cache.cache_file()
    path.write_bytes(path.read_bytes()[:-1000])
    assert own_cache.load() is None


def test_a_file_that_was_replaced_is_used_from_the_next_call_on(own_cache: Any) -> None:
    first = own_cache.current()
    other = dataclasses.replace(first, version="another")
    own_cache.save(other)
    assert own_cache.current().version == "another"
    own_cache.cache_file().write_bytes(b"no pickle")
    assert own_cache.current().version == "another"
    own_cache.cache_file().unlink()
    assert own_cache.current().version == "another"
    own_cache.save(first)
    assert own_cache.current().version == first.version != "another"


def test_no_place_to_write_does_not_keep_it_from_predicting(
    own_cache: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert own_cache.current().accuracy > 0.98


def test_workers_may_write_at_once(own_cache: Any) -> None:
    trained = own_cache.current()

    def save_and_load(_: int) -> float:
        own_cache.save(trained)
        found = own_cache.load()
        assert found is not None
        return found.accuracy

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(save_and_load, range(12))) == {trained.accuracy}
    assert len(list(own_cache.cache_file().parent.iterdir())) == 1


def test_relative_cache_home_is_ignored(own_cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert own_cache.cache_file().is_relative_to(Path.home() / ".cache")


def test_another_process_loads_it_without_a_warning(digits: ServedModel, examples: Path) -> None:
    """The path source in a fresh interpreter, where the package is not installed."""
    script = (
        "import sys, time\n"
        "from modelport.sources.load import load_model\n"
        "from modelport.sources.source import parse_source\n"
        "from modelport.contract.places import Places\n"
        "from modelport.contract.uploaded_file import UploadedFile\n"
        "model = load_model(parse_source('examples/digits/digits.py'))\n"
        "sys.modules['digits_model.classifier'].train = None  # the cache file must do\n"
        "model.warm()\n"
        "form = {'image': [UploadedFile('image', 'examples/digits/pictures/7.png', None, None)]}\n"
        "print(model.call('predict', model.bind('predict', Places(form=form)))['predictions'][0]['label'])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=examples.parent, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("7\n", "")
