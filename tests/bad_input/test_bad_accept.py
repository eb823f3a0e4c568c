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
def test_a_body_of_another_media_type_is_refused_and_not_passed_over(
    site: Target, model: str, content_type: str
) -> None:
    reply = site.json(model, JSON, content_type)
    media = content_type.partition(";")[0]
    said = f"its Content-Type is {media!r}" if media else "it has no Content-Type"
    assert reply.status == 415
    assert (
        reply.json["detail"] == f"the body is JSON, but {said}: send it with Content-Type: application/json"
    )
    other = site.json(model, b"text=read", content_type)
    assert other.status == 415
    assert "multipart/form-data" in other.json["detail"]


@pytest.mark.parametrize("model", ["values", "legacy"])
def test_a_body_without_a_media_type_is_refused(site: Target, model: str) -> None:
    assert "application/json" in site.post_raw(PREDICT.format(model), JSON, []).json["detail"]
    assert site.post_raw(PREDICT.format(model), b"\x80\x04.", []).status == 415
    large = b'{"text": "' + b"x" * (2 << 20) + b'"}'  # it lies on the disk
    assert "the body is JSON" in site.post_raw(PREDICT.format(model), large, []).json["detail"]
    assert site.post_raw(PREDICT.format(model), b"", ["Content-Type: text/plain"]).result["text"] == ""
    assert site.post_raw(PREDICT.format(model), b"\r\n", []).result["text"] == ""


@pytest.mark.parametrize("model", ["values", "legacy"])
@pytest.mark.parametrize("body", [JSON, b'{"text": "a=b&c"}', b"%7B%22text%22%3A+1%7D", b"[1]"])
def test_json_that_is_sent_as_a_form_says_which_media_type_it_needs(
    site: Target, model: str, body: bytes
) -> None:
    reply = site.json(model, body, "application/x-www-form-urlencoded")
    assert reply.status == 415
    assert "send it with Content-Type: application/json" in reply.json["detail"]


@pytest.mark.parametrize("model", ["values", "legacy"])
@pytest.mark.parametrize("body", [b"text,count\na,1\n", b"text,counta,1"])  # --data-binary, and -d
def test_a_table_that_is_sent_as_a_form_says_how_it_is_sent(site: Target, model: str, body: bytes) -> None:
    reply = site.json(model, body, "application/x-www-form-urlencoded")
    assert reply.status == 415
    assert "send a table with Content-Type: text/csv and --data-binary" in reply.json["detail"]


@pytest.mark.parametrize("model", ["values", "legacy"])
def test_a_form_is_read_in_its_charset(site: Target, model: str) -> None:
    form = "application/x-www-form-urlencoded; charset="
    assert site.json(model, b"text=caf%C3%A9", f"{form}UTF-8").result["text"] == "café"
    assert site.json(model, b"text=caf%E9", f"{form}ISO-8859-1").result["text"] == "café"
    assert site.json(model, b"text=caf%E9", f"{form}utf-16").status == 415


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
    for model, status in (("values", 415), ("legacy", 415)):
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


@pytest.mark.parametrize("wanted", ["image/png", "text/plain", "image/*", "application/json;q=0"])
def test_an_argument_accept_is_refused_as_the_header_is(site: Target, wanted: str) -> None:
    by_header = site.predict("values", json={}, headers={"accept": wanted})
    for sent in (
        {"params": {"accept": wanted}, "json": {}},
        {"json": {"accept": wanted}},
        {"data": {"accept": wanted}},
    ):
        reply = site.predict("values", **sent)
        assert (reply.status, reply.json["detail"]) == (406, by_header.json["detail"])


def test_an_argument_accept_counts_before_the_header(site: Target) -> None:
    fits = site.predict(
        "values", params={"accept": "application/json"}, headers={"accept": "image/png"}, json={}
    )
    assert fits.status == 200
    assert site.predict("values", params={"accept": "*/*"}, json={}).status == 200


def test_a_model_of_deepaas_passes_over_an_accept_that_it_does_not_have(site: Target) -> None:
    assert site.predict("legacy", params={"accept": "image/png"}, json={}).status == 200
