"""Multipart forms that are broken, huge or ambiguous (rows M1-M9, V22, V23)."""

from __future__ import annotations

import concurrent.futures
import contextlib
import select

import psutil
import pytest
from bad_target import PREDICT, Target, read_reply
from serving import wait_until

from modelport.contract.kinds import NOT_A_FILE

SERVED = ("values", "files", "legacy")
MAX_BYTES = 24 << 20
OPTIONS = ("--client-max-size", str(MAX_BYTES))
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n'
TEXT = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nhi\r\n'
END = b"--b--\r\n"


def part(disposition: bytes, *headers: bytes, content: bytes = b"x") -> bytes:
    lines = [b"--b", b"Content-Disposition: " + disposition, *headers, b"", content, b""]
    return b"\r\n".join(lines)


def exact(size: int) -> bytes:
    """A form with one file, `size` bytes in all."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    tail = b"\r\n" + END
    return head + bytes(size - len(head) - len(tail)) + tail


def test_a_good_form_is_read(site: Target) -> None:
    reply = site.form("files", FILE + END)
    assert reply.status == 200
    assert reply.result["bytes"] == 5


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "b" * 300,
        "multipart/form-data; boundary=caf\xe9",
        'multipart/form-data; boundary="b\t"',
        'multipart/form-data; boundary="b "',
    ],
)
def test_a_form_without_a_usable_boundary_is_refused(site: Target, content_type: str) -> None:
    assert site.form("files", FILE + END, content_type).status == 400


def test_a_boundary_cannot_hold_a_line_break(site: Target) -> None:
    head = b"POST /v2/models/files/predict/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    reply = site.raw(head + b'Content-Type: multipart/form-data; boundary="a\nb"\r\n\r\n')
    assert reply.status == 400


@pytest.mark.parametrize(
    "body",
    [b"\r\n" * (5 << 20) + FILE + END, FILE + END + b"x" * (10 << 20), FILE + END + b"\r\n" * (5 << 20)],
    ids=["line breaks before", "text after", "line breaks after"],
)
def test_ten_megabytes_outside_the_parts_are_refused(site: Target, body: bytes) -> None:
    assert site.form("files", body).status == 400


def test_a_little_preamble_and_epilogue_are_allowed(site: Target) -> None:
    assert site.form("files", b"\r\n" + FILE + END + b"bye\r\n").status == 200


@pytest.mark.parametrize("between", [b"", b"bye\r\n", b"\r\n", b"x" * 3000 + b"\n"])
def test_parts_after_the_end_are_refused(site: Target, between: bytes) -> None:
    """RFC 2046 has text there ignored, but a part was sent to mean something."""
    late = part(b'form-data; name="second"; filename="late"')
    reply = site.form("files", FILE + END + between + late + END)
    assert (reply.status, reply.json["detail"]) == (
        400,
        "the multipart form goes on after its closing boundary",
    )
    assert site.form("values", END + between + TEXT + END).status == 400


def test_an_end_that_comes_in_pieces_is_found(site: Target) -> None:
    """Wherever a form is cut on its way, it is read the same."""
    whole = FILE + END
    head = (
        b"POST /v2/models/files/predict/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )

    def sent(body: bytes) -> int:
        return site.raw(head, *[b"1\r\n%c\r\n" % byte for byte in body], b"0\r\n\r\n").status

    assert sent(whole + b"-- bye\r\n") == 200
    assert sent(whole + TEXT) == 400


def test_a_content_type_made_for_slow_parsers_is_refused_fast(site: Target) -> None:
    slow = "multipart/form-data; !=" + '"\\"' * 12_000
    before = site.cpu_seconds()
    assert site.form("files", FILE + END, slow).status == 400
    assert site.cpu_seconds() - before < 0.25


def test_a_disposition_made_for_slow_parsers_is_refused_fast(site: Target) -> None:
    before = site.cpu_seconds()
    assert site.form("files", part(b"form-data; !=" + b'"\\"' * 2_500) + END).status == 400
    assert site.cpu_seconds() - before < 0.25


@pytest.mark.parametrize(
    "body",
    [
        part(b"form-data"),
        part(b"form-data; filename=x"),
        part(b'attachment; name="file"'),
        part(b'form-data; name="a"', b'Content-Disposition: form-data; name="b"'),
        part(b'form-data; name="a"', *(b"X-%d: y" % i for i in range(1000))),
        part(b'form-data; name="a"', b"X: " + b"y" * (1 << 20)),
        part(b'form-data; name="a"', b"X" * (1 << 20) + b": y"),
        part(b'form-data; name="a"', b"no colon"),
        b"--b\r\n\r\nno headers\r\n",
    ],
    ids=[
        "no name",
        "only a file name",
        "not form-data",
        "two dispositions",
        "1000 headers",
        "1 MB header",
        "1 MB header name",
        "no colon",
        "no headers",
    ],
)
def test_a_part_with_a_bad_head_is_refused(site: Target, body: bytes) -> None:
    assert site.form("files", body + END).status == 400


def test_a_million_fields_are_refused_at_the_field_limit(site: Target) -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    body = field * (MAX_BYTES // len(field) - 1)
    assert site.form("files", body + END).status == 413


def test_a_field_without_file_name_may_not_be_huge(site: Target) -> None:
    """The limit of the field is met, and the answer sent, before 100 MB of it have come."""
    head = (
        b"POST /v2/models/files/predict/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    first = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
    piece = b"%x\r\n" % (1 << 20) + bytes([120]) * (1 << 20) + b"\r\n"
    server = psutil.Process(site.server.process.pid)
    before = server.memory_info().rss
    reply = site.raw(head + b"%x\r\n" % len(first) + first + b"\r\n", *[piece] * 100)
    assert reply.status == 413
    assert server.memory_info().rss - before < 30 << 20


@pytest.mark.parametrize(
    "body",
    [
        FILE,
        FILE + b"--b",
        b"",
        b"garbage",
        b"--c\r\n\r\n",
        FILE + part(b'form-data; name="more"', b"Content-Type: multipart/mixed; boundary=c") + END,
        part(b'form-data; name="file"; filename="x"', b"Content-Transfer-Encoding: base64") + END,
        part(b'form-data; name="text"', content=b"\xff\xfe") + END,
        part(b'form-data; name="text"', content=b"a\0b") + END,
    ],
    ids=[
        "no end",
        "half an end",
        "empty",
        "garbage",
        "other boundary",
        "nested",
        "base64",
        "not UTF-8",
        "NUL",
    ],
)
def test_a_form_that_cannot_be_read_is_refused(site: Target, body: bytes) -> None:
    assert site.form("files", body).status == 400


def test_a_repeated_scalar_is_its_first_value_as_in_deepaas_or_refused(site: Target) -> None:
    second = part(b'form-data; name="text"', content=b"second")
    reply = site.form("legacy", TEXT + second + END)
    assert reply.result["text"] == "hi"
    assert "argument 'text' came 2 times" in reply.headers["warning"]
    typed = site.form("values", TEXT + second + END)
    assert (typed.status, typed.json) == (
        422,
        {"text": ["It came 2 times, and one value is meant; send it once."]},
    )


@pytest.mark.parametrize("name", ["second", "more"])
def test_a_file_that_nobody_chose_is_not_given(site: Target, name: str) -> None:
    """Browsers send a part without a name for the file, and without a byte."""
    chosen = f'form-data; name="{name}"; filename=""'.encode()
    nothing = part(chosen, b"Content-Type: application/octet-stream", content=b"")
    assert site.form("files", FILE + nothing + END).result["others"] == []
    nameless = part(chosen, content=b"x")
    assert site.form("files", FILE + nameless + END).result["others"] == [""]


def test_a_required_file_that_nobody_chose_is_missing(site: Target) -> None:
    reply = site.form("files", part(b'form-data; name="file"; filename=""', content=b"") + END)
    assert (reply.status, reply.json) == (422, {"file": ["Missing data for required field."]})


@pytest.mark.parametrize(
    ("charset", "content", "status", "text"),
    [
        ("utf-8", "é".encode(), 200, "é"),
        ('"UTF-8"', "é".encode(), 200, "é"),
        ("iso-8859-1", b"\xe9", 200, "é"),
        ("utf-16", "é".encode("utf-16"), 415, None),
        ("utf-7", b"+AOk-", 415, None),
        ("punycode", b"9ca", 415, None),
    ],
)
def test_a_text_is_read_in_its_charset_or_refused(
    site: Target, charset: str, content: bytes, status: int, text: str | None
) -> None:
    kind = f"Content-Type: text/plain; charset={charset}".encode()
    reply = site.form("values", part(b'form-data; name="text"', kind, content=content) + END)
    assert reply.status == status
    if text is None:
        assert "utf-" in reply.json["detail"] or "punycode" in reply.json["detail"]
    else:
        assert reply.result["text"] == text


def test_names_count_as_the_text_does(site: Target) -> None:
    """A thousand names of 8 kB are 8 MB that no disk takes."""
    long = part(b'form-data; name="' + b"n" * 7900 + b'"')
    assert site.form("files", long * 900 + END).status == 413
    long = part(b'form-data; name="file"; filename="' + b"n" * 7900 + b'"')
    assert site.form("files", long * 900 + END).status == 413


def test_a_part_of_nothing_is_no_form_and_a_form_without_parts_has_no_arguments(site: Target) -> None:
    """Browsers send the closing boundary alone for a form of nothing."""
    assert site.form("values", END).result["number"] == 1
    assert site.form("values", b"").status == 400


def test_an_empty_body_is_no_file(site: Target) -> None:
    reply = site.json("files", b"", "image/png")
    assert (reply.status, reply.json) == (422, {"file": ["Missing data for required field."]})


def test_an_empty_file_is_a_file(site: Target) -> None:
    body = part(b'form-data; name="file"; filename="empty"', content=b"")
    assert site.form("files", body + END).result["bytes"] == 0


def test_text_in_place_of_a_file_is_an_argument_error(site: Target) -> None:
    reply = site.form("files", part(b'form-data; name="file"', content=b"/etc/passwd") + END)
    assert reply.status == 422
    assert reply.json == {"file": [NOT_A_FILE]}


def test_text_in_place_of_an_optional_file_names_no_inner_function(site: Target) -> None:
    reply = site.form("files", FILE + part(b'form-data; name="second"', content=b"x") + END)
    assert reply.status == 422
    reply = site.form("files", FILE + part(b'form-data; name="more"', content=b"x") + END)
    assert reply.status == 422


def test_a_missing_file_is_an_argument_error(site: Target) -> None:
    reply = site.form("files", END)
    assert (reply.status, reply.json) == (422, {"file": ["Missing data for required field."]})
    told = site.form("files", TEXT + END)
    assert (told.status, told.json["file"]) == (422, ["Missing data for required field."])


def test_a_body_exactly_at_the_limit_is_taken_and_one_byte_more_is_not(site: Target) -> None:
    assert site.form("files", exact(MAX_BYTES)).status == 200
    assert site.form("files", exact(MAX_BYTES + 1)).status == 413


def test_a_body_of_unknown_length_is_counted_as_it_comes(site: Target) -> None:
    head = (
        b"POST /v2/models/files/predict/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    body = exact(MAX_BYTES + 1)
    pieces = [body[i : i + (1 << 20)] for i in range(0, len(body), 1 << 20)]
    chunked = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    assert site.raw(head, *chunked, b"0\r\n\r\n").status == 413


def test_the_parts_before_a_broken_one_leave_no_file(site: Target) -> None:
    big = part(b'form-data; name="file"; filename="a"', content=bytes(2 << 20))
    assert site.form("files", big + part(b"form-data") + END).status == 400


def test_a_client_that_leaves_during_its_upload_leaves_no_file(site: Target) -> None:
    with site.connection() as sock:
        head = (
            f"POST {PREDICT.format('files')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        sock.sendall(head.encode() + FILE.removesuffix(b"\r\n") + bytes(4 << 20))
        wait_until(lambda: bool(site.files()), lambda: "nothing was spooled")
    wait_until(lambda: not site.files(), lambda: f"left: {site.files()}")


def test_a_client_that_leaves_during_a_plain_upload_leaves_no_file(site: Target) -> None:
    with site.connection() as sock:
        head = (
            f"POST {PREDICT.format('values')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        )
        sock.sendall(head.encode() + bytes(4 << 20))
        wait_until(lambda: bool(site.files()), lambda: "nothing was spooled")
    wait_until(lambda: not site.files(), lambda: f"left: {site.files()}")


def test_the_server_answers_while_many_upload_at_once(site: Target) -> None:
    body = exact(1_200_000)
    with concurrent.futures.ThreadPoolExecutor(16) as senders:
        uploads = [senders.submit(site.form, "files", body) for _ in range(100)]
        answered = 0
        while not all(upload.done() for upload in uploads):
            assert site.send("GET", "/v2/health/live").status == 200
            answered += 1
    assert [upload.result().status for upload in uploads] == [200] * 100
    assert answered > 2


@pytest.mark.slow
@pytest.mark.log_lines(400)
def test_the_server_answers_while_many_forms_of_many_parts_are_read(site: Target) -> None:
    """A form of 990 parts takes 50 ms to be parsed; two hundred of them held everybody up for 10 s."""
    body = part(b'form-data; name="more"; filename="x"', content=b"") * 990  # its end never comes
    head = (
        f"POST {PREDICT.format('files')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(site.connection()) for _ in range(60)]
        for sock in clients:
            sock.sendall(head + body)
        answered, waiting = 0, clients
        while waiting:
            assert site.send("GET", "/v2/health/live").status == 200
            answered += 1
            read, _, _ = select.select(waiting, [], [], 0)
            waiting = [sock for sock in waiting if sock not in read]
        assert {read_reply(sock).status for sock in clients} <= {400, 503}
    assert answered > 100
