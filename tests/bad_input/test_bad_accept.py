"""What a client says that it sends and wants (rows A1, A2, V10)."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from bad_target import PREDICT, Target

SERVED = ("values", "files", "legacy")
JSON = b'{"text": "read"}'


class Canary:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
        "application/json ; charset=us-ascii",
        "application/vnd.api+json",
        "application/json;;;",
        "application/json; charset",
    ],
)
@pytest.mark.parametrize("model", ["values", "legacy"])
def test_json_is_known_by_its_media_type(site: Target, model: str, content_type: str) -> None:
    assert site.json(model, JSON, content_type).result["text"] == "read"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsonx",
        "application/",
        "/",
        "json",
        "xapplication/json",
        "text/json",
        "*/*",
        ";",
    ],
)
@pytest.mark.parametrize("model", ["values", "legacy"])
def test_another_media_type_holds_no_arguments_as_in_deepaas(
    site: Target, model: str, content_type: str
) -> None:
    assert site.json(model, JSON, content_type).result["text"] == ""


def test_no_media_type_holds_no_arguments_as_in_deepaas(site: Target) -> None:
    assert site.post_raw(PREDICT.format("legacy"), JSON, []).result["text"] == ""
    assert site.post_raw(PREDICT.format("values"), b"\x80\x04.", []).result["text"] == ""


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "latin1", "utf-8x", "'utf-8'"])
def test_json_in_another_charset_is_415(site: Target, charset: str) -> None:
    for model in ("values", "legacy"):
        assert site.json(model, JSON, f"application/json; charset={charset}").status == 415


def test_two_or_enormous_content_types_are_400(site: Target) -> None:
    before = site.runs()
    path = PREDICT.format("values")
    twice = ["Content-Type: application/json", "Content-Type: multipart/form-data; boundary=b"]
    assert site.post_raw(path, JSON, twice).status == 400
    assert site.post_raw(path, JSON, [twice[0], twice[0]]).status == 400
    assert site.post_raw(path, JSON, ["Content-Type: application/json; x=" + "y" * 8192]).status == 400
    assert site.runs() == before + 1


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.bentoml+pickle",
        "application/python-pickle",
        "application/x-pickle",
        "application/octet-stream",
        "application/x-yaml",
        "application/xml",
    ],
)
def test_pickled_bytes_are_never_unpickled(site: Target, tmp_path: Path, content_type: str) -> None:
    canary = tmp_path / "canary"
    body = pickle.dumps(Canary(canary))
    fields = [f"Content-Type: {content_type}", "X-Payload-Container: NdarrayContainer", "Payload-Meta: {}"]
    for model, status in (("values", 200), ("legacy", 200), ("files", 422)):
        assert site.post_raw(PREDICT.format(model), body, fields).status == status
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="x.pkl"\r\nContent-Type: {content_type}\r\n'
    form = head.encode() + b"\r\n" + body + b"\r\n--b--\r\n"
    assert site.form("files", form).result["bytes"] == len(body)
    assert not canary.exists()


@pytest.mark.parametrize(
    "accept",
    [
        "image/*",
        "application/pickle",
        "application/json;q=0",
        "*/*;q=0",
        "application/*;q=0, */*;q=0.0",
        "application/json;q=0, */*",
        ",".join(f"image/x{i}" for i in range(1000)),
        "text/" + "x" * 9000,
    ],
    ids=lambda accept: accept[:30],
)
def test_a_client_that_wants_no_json_gets_406(site: Target, accept: str) -> None:
    before = site.runs()
    reply = site.predict("values", json={}, headers={"accept": accept})
    assert reply.status == 406
    assert len(reply.body) < 1000
    assert site.runs() == before + 1


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "garbage",
        ";;;,,,///",
        "text/plain/x, a b c",
        "application/json;q=abc",
        "application/json;q=nan",
        "application/json;q=-1",
        "application/json;q=1e400",
        "application/json;q=",
        "image/*, application/json;q=0.001",
        "\xff\xfe",
        "," * 5000,
        "*/*," * 1000,
    ],
    ids=lambda accept: ascii(accept[:30]),
)
def test_a_header_that_says_nothing_counts_as_anything(site: Target, accept: str) -> None:
    reply = site.post_raw(PREDICT.format("values"), b"", [f"Accept: {accept}"])
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")


def test_accept_lines_count_together(site: Target) -> None:
    fields = ["Accept: image/png", "Accept: application/json"]
    assert site.post_raw(PREDICT.format("values"), b"", fields).status == 200
