"""JSON bodies that parsers disagree on (rows J1-J12)."""

from __future__ import annotations

import json
import socket

import pytest
from bad_target import PREDICT, Target

SERVED = ("values", "legacy")
INVALID = {"json": ["Invalid JSON body."]}

# A list of our own after RFC 8259: what every parser must take, and what none may.
ACCEPTED = [
    b'""', b'"\\u0022\\\\\\/\\b\\f\\n\\r\\t"', b'"\\uD834\\uDD1E"', b'"\xf0\x9d\x84\x9e"', b'"\x7f"',
    b'"\\\\u0000"', b"0", b"-0", b"-0.0", b"1.5e-3", b"1E+2", b"0e1", b"18446744073709551616", b"1e-999",
    b"true", b"false", b"null", b"[]", b"{}", b"[[]]", b"[ \t\r\n1 , 2 ]", b'{"" : {"a":[null]}}',
    b'{"a":1,"b":{"a":2}}', b'"a:b"', b'["\\u2028"]',
]  # fmt: skip
REFUSED = [
    b"", b"1 2", b"[1,]", b"[,1]", b"[1 2]", b"[1", b"]", b'{"a":1,}', b'{"a"}', b"{a:1}", b"{'a':1}", b"{1:1}",
    b'{"a":1 "b":2}', b"01", b"-01", b"+1", b".5", b"1.", b"-", b"1e", b"1e+", b"0x1", b"1_000", b"1L",
    b"\xef\xbc\x91", b"nan", b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"inf", b"True", b"None", b"undefined",
    b"tru", b"nulll", b"'a'", b'"a', b'"\\x41"', b'"\\u12"', b'"\\u{41}"', b'"\\', b'"\t"', b'"\n"', b'"\0"',
    b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b"1//c", b"/*c*/1", b"#1\n1",
    b"1\x0b", b"1\x0c", b"1\xc2\xa0", b"1\x00", b'{"a":1}}', b"[1]]", b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}',
]  # fmt: skip


def wrapped(value: bytes) -> bytes:
    return b'{"anything":' + value + b"}"


@pytest.mark.parametrize("value", ACCEPTED, ids=repr)
def test_valid_json_is_taken(site: Target, value: bytes) -> None:
    reply = site.json("values", wrapped(value))
    assert reply.status == 200, reply.text
    assert reply.result["anything"] == json.loads(value)


def test_invalid_json_is_refused(site: Target) -> None:
    for value in REFUSED:
        reply = site.json("values", wrapped(value))
        assert (reply.status, reply.json["json"][0]) == (400, INVALID["json"][0]), value


@pytest.mark.parametrize("model", ["values", "legacy"])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{} x",
        b"\xef\xbb\xbf{}",
        '{"text":"a"}'.encode("utf-16"),
        '{"text":"a"}'.encode("utf-16-le"),
        '{"text":"a"}'.encode("utf-32"),
        b'{"text":"\xff"}',
        b'{"text":"a","text":"b"}',
        b'{"other":{"a":1,"a":2}}',
        b'[{"a":1,"a":2}]',
        b'{"ratio":NaN}',
        b'{"ratio":1e999}',
        b'{"ratio":' + b"9" * 400 + b".0}",
        b'{"number":' + b"1" * 4301 + b"}",
        b'{"text":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"text":"a\\u0000b"}',
        b'{"\\u0000":1}',
        b'{"other":[{"x":["\\u0000"]}]}',
    ],
)
def test_a_body_that_is_not_strict_json_is_400(site: Target, model: str, body: bytes) -> None:
    reply = site.json(model, body)
    assert (reply.status, reply.json["json"][0]) == (400, INVALID["json"][0])


@pytest.mark.parametrize("model", ["values", "legacy"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"ratio":NaN}', "JSON has no NaN and no Infinity: send null for a number that is missing"),
        (b'{"ratio":-Infinity}', "JSON has no NaN and no Infinity: send null for a number that is missing"),
        (b'{"text":"a","text":"b"}', "the JSON body has the key 'text' twice"),
        (b'{"text":"a\\u0000b"}', "the JSON body holds a NUL character"),
        (b"[" * 65 + b"]" * 65, "the JSON body is nested deeper than 64"),
        (b'{"ratio":1e999}', "the JSON body has a number that no double can hold"),
        (b'\xef\xbb\xbf{"text":"a"}', "the JSON body begins with a byte order mark: send it without"),
    ],
)
def test_what_other_parsers_read_is_refused_with_a_reason(
    site: Target, model: str, body: bytes, said: str
) -> None:
    reply = site.json(model, body)
    assert (reply.status, reply.json) == (400, {"json": [*INVALID["json"], said]})


@pytest.mark.parametrize("model", SERVED)
def test_an_empty_body_holds_no_arguments(site: Target, model: str) -> None:
    """As in DEEPaaS: whoever sends the header alone wants the defaults."""
    assert site.json(model, b"").status == 200


@pytest.mark.parametrize("model", SERVED)
@pytest.mark.parametrize("body", [b" ", b" \r\n", b"\n"])
def test_a_blank_body_is_no_json(site: Target, model: str, body: bytes) -> None:
    reply = site.json(model, body)
    assert (reply.status, reply.json) == (400, INVALID)
    assert site.json(model, body, "text/plain").status == 415


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"":'])
def test_deep_nesting_is_refused_and_kills_nothing(site: Target, opening: bytes) -> None:
    too_deep = {"json": [*INVALID["json"], "the JSON body is nested deeper than 64"]}
    assert site.json("values", opening * 100_000).json == too_deep
    closing = (
        opening.replace(b'"":', b"").replace(b'"a":', b"").translate(bytes.maketrans(b"[{", b"]}"))[::-1]
    )
    whole = opening * 100_000 + b"1" + closing * 100_000
    assert site.json("values", whole).json == too_deep


def test_nesting_is_taken_up_to_the_limit(site: Target) -> None:
    assert site.json("values", wrapped(b"[" * 63 + b"]" * 63)).status == 200
    assert site.json("values", wrapped(b"[" * 64 + b"]" * 64)).status == 400
    assert site.json("values", wrapped(b'"' + b"[" * 1000 + b'"')).status == 200


@pytest.mark.parametrize("body", [b"[]", b"[1,2]", b'"text"', b"null", b"5", b"true"])
@pytest.mark.parametrize("model", ["values", "legacy"])
def test_json_that_is_no_object_is_refused(site: Target, model: str, body: bytes) -> None:
    reply = site.json(model, body)
    assert reply.status == 422
    assert reply.json["json"][0].startswith("The body should be a JSON object with the arguments as its keys")


@pytest.mark.parametrize("number", ["9223372036854775808", "18446744073709551616", "-1", "1" * 4000])
def test_an_integer_out_of_range_is_an_argument_error(site: Target, number: str) -> None:
    for model in ("values", "legacy"):
        reply = site.json(model, f'{{"number":{number}}}'.encode())
        assert reply.status == 422
        assert list(reply.json) == ["number"]


@pytest.mark.parametrize("name", ["__proto__", "__class__", "self", "model", "cls", "constructor", "name"])
def test_unknown_names_are_refused_or_as_in_deepaas_ignored(site: Target, name: str) -> None:
    body = json.dumps({name: {"polluted": True}, "text": "kept"}).encode()
    assert site.json("legacy", body).result["text"] == "kept"
    reply = site.json("values", body)
    assert (reply.status, list(reply.json)) == (422, [name])
    assert "Unknown argument" in reply.text


def test_many_and_long_unknown_names_make_a_short_answer(site: Target) -> None:
    body = b"{" + b",".join(b'"k%d":0' % i for i in range(600_000)) + b"}"
    reply = site.json("values", body)
    assert (reply.status, len(reply.json)) == (422, 20)
    reply = site.json("values", json.dumps({"x" * 1_000_000: 1}).encode())
    assert (reply.status, list(reply.json)) == (422, ["x" * 100])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"flag": 1}, ["flag"]),
        ({"flag": "true"}, ["flag"]),
        ({"number": "1"}, ["number"]),
        ({"number": 1.0}, ["number"]),
        ({"number": 1001}, ["number"]),
        ({"number": None}, ["number"]),
        ({"text": 5}, ["text"]),
        ({"text": None}, ["text"]),
        ({"ratio": "1"}, ["ratio"]),
        ({"ratio": []}, ["ratio"]),
        ({"at": 5}, ["at"]),
        ({"matrix": [[1], ["2"]]}, ["matrix", "1", "0"]),
        ({"matrix": [[1], 2]}, ["matrix", "1"]),
        ({"matrix": {"0": [1]}}, ["matrix"]),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_named_by_its_path(site: Target, body: object, path: list[str]) -> None:
    reply = site.json("values", json.dumps(body).encode())
    assert reply.status == 422, reply.text
    messages = reply.json
    for step in path:
        assert list(messages) == [step]
        messages = messages[step]
    assert all(isinstance(message, str) for message in messages)


@pytest.mark.parametrize(
    "body",
    [
        b'{"anything":{' + b",".join(b'"k%d":0' % i for i in range(600_000)) + b"}}",
        b'{"anything":[' + b"0," * 4_500_000 + b"0]}",
        b'{"text":"' + b"x" * 9_000_000 + b'"}',
    ],
    ids=["many keys", "many numbers", "one string"],
)
def test_a_large_body_is_the_models_work_and_not_the_servers(site: Target, body: bytes) -> None:
    """To parse it takes the worker long; a server that did so would stand still for everybody else."""
    before = site.cpu_seconds()
    assert site.json("values", body).status == 200
    assert site.cpu_seconds() - before < 0.25


def test_a_body_over_the_json_limit_is_413(site: Target) -> None:
    assert site.json("values", b'{"text":"' + b"x" * (10 << 20) + b'"}').status == 413


def test_a_body_in_chunks_of_one_byte_is_read(site: Target) -> None:
    head = (
        f"POST {PREDICT.format('values')} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    body = b'{"text":"' + b"x" * 200_000 + b'"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    assert site.raw(head.encode(), chunks, b"0\r\n\r\n").result["text"] == "x" * 200_000


@pytest.mark.log_lines(4)
def test_a_body_that_is_cut_runs_no_model(site: Target) -> None:
    before = site.runs()
    head = (
        f"POST {PREDICT.format('values')} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    )
    for framing, part in (
        ("Content-Length: 20", b'{"text":"a"}'),
        ("Transfer-Encoding: chunked", b"2\r\n{}\r\n"),
    ):
        with site.connection() as sock:
            sock.sendall(f"{head}{framing}\r\n\r\n".encode() + part)
            sock.shutdown(socket.SHUT_WR)
            with sock.makefile("rb") as file:
                assert not file.read().startswith(b"HTTP/1.1 2")
    assert site.runs() == before + 1
