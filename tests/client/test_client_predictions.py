"""Predictions through the client: arguments of every kind in, values, files and streams out."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import client_models
import numpy as np
import pytest
from client_target import MODELS, MakeClient
from serving import Server, serving

import modelport
from modelport.client import (
    ArgumentsRefused,
    ConnectionFailed,
    Content,
    ModelFailed,
    ModelportError,
    NotFound,
    RequestRefused,
)


def test_a_value_is_what_the_model_returned(client: Any) -> None:
    assert client.predict("Sums", numbers=[1, 2.5]) == {"name": "sum", "sum": 3.5, "options": {}}


def test_the_envelope_is_taken_off(client: Any) -> None:
    assert client.predict("Old", text="t") == {"text": "t"}


def test_arguments_that_are_no_plain_json_find_a_form(client: Any) -> None:
    assert client.predict("Sums", numbers=np.array([1, 2]), name=date(2020, 2, 29)) == {
        "name": "2020-02-29",
        "sum": 3,
        "options": {},
    }


def test_an_argument_whose_name_is_taken_goes_in_the_mapping(client: Any) -> None:
    assert client.predict("Old", {"accept": "*/*", "text": "t"}) == {"text": "t"}


def test_models_and_their_metadata(client: Any, server: Server) -> None:
    assert client.models() == server.client.get("/v2/models/").json()["models"]
    assert client.model("Old")["version"] == "3"


@pytest.mark.parametrize("call", [lambda c: c.predict(numbers=[1]), lambda c: c.model()])
def test_without_a_name_there_has_to_be_one_model(client: Any, call: Any) -> None:
    with pytest.raises(ValueError, match=r"say which model: the server has Sums, Old, .*, Refuses"):
        call(client)


def test_the_only_model_needs_no_name_and_is_waited_for_while_it_loads(make_client: MakeClient) -> None:
    with serving(f"only={MODELS}:Slow", "--base-path", "/models", wait=False) as server:
        client = make_client(server.url)
        assert client.predict() == "at last"
        assert client.model()["name"] == "only"


# -- files ---------------------------------------------------------------------------------------------


def as_path(folder: Path) -> Any:
    path = folder / "one.txt"
    path.write_bytes(b"content")
    return path


class OneWay(io.RawIOBase):
    """A stream that can be read once."""

    def __init__(self, content: bytes):
        self._source = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.readinto(buffer)


FORMS = {
    "a path": (as_path, "one.txt", "text/plain"),
    "bytes": (lambda _: b"content", "file", "application/octet-stream"),
    "a bytearray": (lambda _: bytearray(b"content"), "file", "application/octet-stream"),
    "an open file": (lambda folder: as_path(folder).open("rb"), "one.txt", "text/plain"),
    "a buffer": (lambda _: io.BytesIO(b"content"), "file", "application/octet-stream"),
    "a stream": (lambda _: OneWay(b"content"), "file", "application/octet-stream"),
    "a name and bytes": (lambda _: ("b.csv", b"content"), "b.csv", "text/csv"),
    "a name, a path and a type": (lambda f: ("ü.bin", as_path(f), "x/y"), "ü.bin", "x/y"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_may_come_as(client: Any, form: str, tmp_path: Path) -> None:
    make, name, media_type = FORMS[form]
    value = make(tmp_path)
    got = client.predict("Files", file=value, note="a note", tags=["x", "y"])
    if hasattr(value, "close"):
        value.close()
    assert (got["names"], got["types"], got["contents"]) == ([name], [media_type], ["content"])
    assert (got["note"], got["tags"]) == ("a note", ["x", "y"])


def test_a_list_of_files(client: Any) -> None:
    got = client.predict("Files", file=b"1", more=[("a", b"2"), ("b", b"3")], note=None)
    assert got["contents"] == ["1", "2", "3"]
    assert got["note"] == ""


def test_a_file_that_is_missing_is_an_error_of_the_caller(client: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        client.predict("Files", file=tmp_path / "nowhere")


# -- answers that are no values --------------------------------------------------------------------------


def test_a_picture_is_content_that_can_be_saved(client: Any, tmp_path: Path) -> None:
    picture = client.predict("Draws")
    assert isinstance(picture, Content)
    assert (picture.content, picture.content_type) == (client_models.PNG, "image/png")
    assert picture.save(tmp_path) == tmp_path / "picture of é.png"
    assert picture.save(str(tmp_path / "other.png")).read_bytes() == client_models.PNG
    assert repr(picture) == "Content(21 bytes of image/png)"


@pytest.mark.parametrize(
    ("name", "saved"), [("../../evil.sh", "evil.sh"), ("..", None), ("", None), ("a/b", "b")]
)
def test_a_file_name_of_the_server_never_leads_out_of_the_folder(
    name: str, saved: str | None, tmp_path: Path
) -> None:
    content = Content(b"x", "text/plain", name)
    if saved is None:
        with pytest.raises(IsADirectoryError, match="has no name"):
            content.save(tmp_path)
    else:
        assert content.save(tmp_path) == tmp_path / saved


def test_a_stream_keeps_values_as_they_were(client: Any) -> None:
    assert list(client.stream("Streams")) == ["5", "two\nlines", {"number": 1.5}]


def test_a_stream_of_events_is_text(client: Any) -> None:
    pieces = list(client.stream("Streams", accept="text/event-stream"))
    assert pieces == ["5", "two\nlines", '{"number":1.5}']


def test_a_stream_of_bytes(client: Any) -> None:
    assert b"".join(client.stream("StreamsBytes")) == b"\x00\x01\x02"


def test_a_model_that_does_not_stream_is_one_piece(client: Any) -> None:
    assert list(client.stream("Sums", numbers=[1])) == [{"name": "sum", "sum": 1, "options": {}}]
    assert list(client.stream("Old", text="t")) == [{"text": "t"}]


@pytest.mark.parametrize("accept", [None, "text/event-stream", "application/x-ndjson"])
def test_a_stream_that_fails_says_why_after_its_pieces(client: Any, accept: str | None) -> None:
    pieces = client.stream("Streams", accept=accept, fail=True)
    assert [next(pieces) for _ in range(2)] == ["5", "two\nlines"]
    with pytest.raises(ModelFailed, match="no more words") as failure:
        list(pieces)
    assert failure.value.request_id
    assert failure.value.status in (200, 500)


def test_a_stream_of_bytes_that_fails_is_cut_short(client: Any) -> None:
    pieces = client.stream("StreamsBytes", fail=True)
    assert next(pieces) == b"\x00\x01"
    with pytest.raises(ModelFailed, match="the answer was cut short: the model failed, or the connection"):
        list(pieces)


def test_a_stream_that_is_left_leaves_the_client_usable(client: Any) -> None:
    pieces = client.stream("Streams")
    assert next(pieces) == "5"
    pieces.close()
    assert client.predict("Old", text="t") == {"text": "t"}


# -- errors ----------------------------------------------------------------------------------------------


def test_refused_arguments_are_named(client: Any) -> None:
    with pytest.raises(ArgumentsRefused, match=r"numbers\.0: Input should be a valid number") as refused:
        client.predict("Sums", numbers=["a"])
    assert list(refused.value.messages) == ["numbers"]
    with pytest.raises(ArgumentsRefused, match=r"text: Missing data for required field\."):
        client.predict("Old")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            {"numbers": [1, float("inf")]},
            ValueError,
            "'numbers' cannot be sent as JSON: JSON has no infinity",
        ),
        ({"options": {(1, 2): 3}}, TypeError, "a key that is a tuple is no JSON"),
        ({"name": object()}, TypeError, "argument 'name' cannot be sent as JSON: object is no JSON"),
        ({"options": {"a": b"x"}}, TypeError, "a file has to be an argument of its own"),
    ],
)
def test_what_cannot_be_sent_is_named(
    client: Any, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        client.predict("Sums", **arguments)


def test_an_unknown_model(client: Any) -> None:
    with pytest.raises(NotFound, match="there is no model 'letters'; there is: Sums, Old"):
        client.predict("letters")


def test_an_address_with_a_path_too_many_is_named(server: Server) -> None:
    with modelport.Client(f"{server.url}/v2") as client:
        with pytest.raises(NotFound, match="the client ends in /v2, which may be too much"):
            client.predict("Sums")


def test_a_model_that_fails(client: Any, server: Server) -> None:
    with pytest.raises(ModelFailed, match=r"the weights are lost \(HTTP 500, request ") as failed:
        client.predict("Fails")
    assert failed.value.status == 500
    server.wait_for_log(f"{failed.value.request_id}: Fails failed")


def test_a_refusal_of_the_models_own(client: Any) -> None:
    with pytest.raises(RequestRefused, match="a teapot") as refused:
        client.predict("Refuses")
    assert refused.value.status == 418


def test_a_media_type_that_cannot_be_had(client: Any) -> None:
    with pytest.raises(RequestRefused, match="HTTP 406"):
        client.predict("Sums", numbers=[1], accept="image/png")


def test_a_server_that_is_not_there(make_client: MakeClient, free_url: str) -> None:
    with pytest.raises(ConnectionFailed, match="GET /v2/models/") as failed:
        make_client(free_url).models()
    assert free_url in str(failed.value)
    assert isinstance(failed.value, ConnectionError)
    assert isinstance(failed.value, ModelportError)


@pytest.mark.parametrize("url", ["localhost:5000", "", "ftp://host", "http://"])
def test_an_address_that_is_none(make_client: MakeClient, url: str) -> None:
    with pytest.raises(ValueError, match="is no address of a server; write http"):
        make_client(url)


def test_the_clients_are_at_the_front_door() -> None:
    from modelport.client import AsyncClient, Client

    assert (modelport.Client, modelport.AsyncClient) == (Client, AsyncClient)
