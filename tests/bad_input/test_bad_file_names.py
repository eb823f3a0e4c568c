"""File names and files that are not what they say (rows N1-N3)."""

from __future__ import annotations

import io
import re
import struct
import zlib

import pytest
from bad_target import Target
from PIL import Image

SERVED = ("values", "files", "returns", "pictures", "pixels", "legacy")
END = b"--b--\r\n"
SERVER_MADE = re.compile(r"upload-\d+(\.[A-Za-z0-9]{1,10})?")

NAMES = {
    "parents": b"../../x",
    "backslashes": b"..\\\\..\\\\x",
    "absolute": b"/etc/x",
    "drive": b"C:\\\\x",
    "device": b"CON",
    "dot": b".",
    "dots": b"..",
    "slash": b"/",
    "escapes": b"%2e%2e%2fx",
    "right to left": "\u202etxt.exe".encode(),
    "not UTF-8": b"\xff\xfe.txt",
    "tab": b"a\tb",
    "shell": b"$(id);`id`|x",
    "markup": b"<script>.html",
    "quotes": b'a\\"b',
    "hidden": b".bashrc",
    "suffixes": b"a.tar.gz.exe",
    "odd suffix": b"a./../b",
    "long suffix": b"a." + b"b" * 300,
    "long": b"a" * 5000 + b".txt",
    "a worker's": b"tmp-1/../../socket",
    "an answer's": b"answer-0",
    "the body's": b"body",
    "a space": b" ",
}


def form(field: bytes, name: bytes, content: bytes = b"hello", media: bytes = b"text/plain") -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: %b\r\n\r\n'
    return head % (field, name, media) + content + b"\r\n" + END


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_file_lies_under_a_name_of_the_servers_making(site: Target, name: bytes) -> None:
    told = site.form("files", form(b"file", name)).result
    assert SERVER_MADE.fullmatch(told["on_disk"])
    assert told["bytes"] == 5
    assert told["mode"] == "0o700"
    assert len(told["filename"]) <= 255
    upload = site.form("legacy", form(b"data", name)).result["upload"]
    assert upload[0] == "data"
    assert len(upload[1]) <= 255


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_file_comes_back_under_a_harmless_name(site: Target, name: bytes) -> None:
    reply = site.form("returns", form(b"file", name))
    assert (reply.status, reply.body) == (200, b"hello")
    disposition = reply.headers["content-disposition"]
    found = re.fullmatch(r"""attachment; filename="([^"\\]*)"(; filename\*=UTF-8''[\w.%~-]+)?""", disposition)
    assert found, disposition
    assert "/" not in found[1]
    assert found[1].isascii()


def test_a_nul_in_a_file_name_never_reaches_a_path(site: Target) -> None:
    told = site.form("files", form(b"file", b"a\0b.txt")).result
    assert (told["filename"], told["on_disk"]) == ("ab.txt", "upload-0")


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="file"; filename="a.txt"; filename*=UTF-8\'\'..%2f..%2fb.sh',
        b'form-data; name="file"; filename*=UTF-8\'\'%2fetc%2fb.sh; filename="a.txt"',
    ],
)
def test_the_extended_file_name_makes_no_path(site: Target, disposition: bytes) -> None:
    body = b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\nhello\r\n" + END
    told = site.form("files", body).result
    assert (told["filename"], told["on_disk"]) == ("a.txt", "upload-0.txt")


@pytest.mark.parametrize(
    ("extended", "name", "on_disk"),
    [
        (b"UTF-8''na%C3%AFve.txt", "naïve.txt", "upload-0.txt"),
        (b"utf-8'en'a%20b.png", "a b.png", "upload-0.png"),
        (b"ISO-8859-1''na%EFve.txt", "naïve.txt", "upload-0.txt"),
        (b"UTF-8''..%2f..%2fetc%2fb.sh", "../../etc/b.sh", "upload-0.sh"),
        (b"UTF-8''a%00b.txt", "ab.txt", "upload-0"),
        (b"UTF-8''%FF", "\ufffd", "upload-0"),
    ],
)
def test_a_file_that_has_an_extended_name_alone_is_one(
    site: Target, extended: bytes, name: str, on_disk: str
) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename*='
        + extended
        + b"\r\n\r\nhello\r\n"
        + END
    )
    told = site.form("files", body).result
    assert (told["filename"], told["on_disk"], told["bytes"]) == (name, on_disk, 5)


def test_a_field_whose_name_looks_like_an_extended_file_name_is_text(site: Target) -> None:
    field = b"; filename*=UTF-8''x"
    body = b'--b\r\nContent-Disposition: form-data; name="' + field + b'"\r\n\r\nhello\r\n' + END
    reply = site.form("files", body)
    assert (reply.status, set(reply.json)) == (422, {"file", field.decode()})


@pytest.mark.parametrize("field", [b"../file", b"__class__", b"file/../../x", b"\xff", b"self"])
def test_the_name_of_a_field_makes_no_path(site: Target, field: bytes) -> None:
    reply = site.form("files", form(field, b"a.txt"))
    assert (reply.status, len(reply.json)) == (422, 2)  # its name is unknown, too
    assert reply.json["file"] == ["Missing data for required field."]


def test_files_of_one_name_do_not_overwrite_each_other(site: Target) -> None:
    one = form(b"file", b"same.txt", b"12345").removesuffix(END)
    two = form(b"second", b"same.txt", b"1").removesuffix(END)
    told = site.form("files", one + two + form(b"more", b"same.txt", b"")).result
    assert told["bytes"] == 5
    assert told["others"] == ["same.txt", "same.txt"]


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"\x80\x04\x95.",
        b"GIF89a/*<html><script>alert(1)</script>*/",
        b"%PDF-1.7 <html>",
    ],
    ids=["html", "svg", "pickle", "gif and html", "pdf and html"],
)
@pytest.mark.parametrize("media", [b"text/html", b"image/svg+xml", b"image/png"])
def test_a_file_that_comes_back_is_never_shown_as_a_page(site: Target, content: bytes, media: bytes) -> None:
    reply = site.form("returns", form(b"file", b"x.png", content, media))
    assert reply.body == content
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-disposition"] == 'attachment; filename="x.png"'


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG that says it is this large, and holds no pixels unless `chunks` do."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = [(b"IHDR", head), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in whole
    )


def saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, kind)
    return buffer.getvalue()


def noise() -> bytes:
    """A JPEG of some size."""
    buffer = io.BytesIO()
    Image.effect_noise((99, 99), 90).save(buffer, "JPEG")
    return buffer.getvalue()


NO_PICTURES = {
    "65,500 squared": png(65_500, 65_500, (b"IDAT", zlib.compress(bytes(1000)))),
    "10,000 squared": png(10_000, 10_000, (b"IDAT", zlib.compress(bytes(1000)))),
    "2^31 wide": png(2**31 - 1, 1),
    "no size": png(0, 0),
    "half a head": png(5, 5)[:20],
    "empty": b"",
    "html": b"<html></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "pickle": b"\x80\x04\x95.",
    "zip": b"PK\x03\x04" + bytes(100),
    "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1000000000,), }\n",
    "wav": b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 100,
    "eps": saved("EPS"),
    "gif of 65,535 squared": b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x00;",
}


@pytest.mark.parametrize("content", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_what_is_no_picture_or_too_large_a_one_is_an_argument_error(site: Target, content: bytes) -> None:
    reply = site.form("pictures", form(b"image", b"x.png", content, b"image/png"))
    assert reply.status == 422
    assert list(reply.json) == ["image"]
    assert reply.json["image"][0].startswith("Not a valid image")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_picture_is_known_by_its_content(site: Target, kind: str) -> None:
    reply = site.form("pictures", form(b"image", b"x.html", saved(kind), b"text/html"))
    assert reply.result == {"width": 2, "height": 2}


@pytest.mark.parametrize(
    "content",
    [png(8, 8), png(8, 8, (b"IDAT", b"no zlib")), noise()[:2000]],
    ids=["no pixels", "no zlib", "cut JPEG"],
)
def test_a_picture_that_cannot_be_decoded_is_the_clients_error(site: Target, content: bytes) -> None:
    reply = site.form("pixels", form(b"image", b"x.png", content))
    assert (reply.status, reply.json["detail"]) == (422, "the picture is damaged and cannot be decoded")
