"""What is sent, whatever the application says, and what it is told of a client that leaves."""

from __future__ import annotations

import json
import logging
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from http_site import BIG, CL, CLOSE, Site, get, post, problem, read_one
from serving import wait_until

# --- responses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("My Own", b"HTTP/1.1 400 My Own"),
        ("", b"HTTP/1.1 400 Bad Request"),
        (None, b"HTTP/1.1 400 Bad Request"),
        (7, b"HTTP/1.1 400 Bad Request"),
        ("a\r\nX: b\0\x1b\x85", b"HTTP/1.1 400 aX: b"),
        ("é € x", b"HTTP/1.1 400 \xe9 ? x"),
        ("y" * 300, b"HTTP/1.1 400 " + b"y" * 200),
    ],
)
def test_reason_phrase(site: Site, reason: Any, line: bytes) -> None:
    body = json.dumps(reason).encode()
    answer = site.talk(post(CLOSE, CL + b"%d" % len(body), body=body, target=b"/reason"))
    assert answer.split(b"\r\n")[0] == line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-y", "a\r\nX-Evil: 1"),
        ("x-y", "a\nX-Evil: 1"),
        ("x-y", "a\r"),
        ("x-y", "a\0"),
        ("x-y\r\nx-evil", "1"),
        ("x y", "1"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("", "1"),
    ],
)
def test_h3_a_response_is_never_split(site: Site, name: str, value: str) -> None:
    body = json.dumps([name, value]).encode()
    answer = site.talk(post(CL + b"%d" % len(body), body=body, target=b"/header"))
    assert problem(answer)["status"] == 500
    assert b"evil" not in answer.lower()


def test_an_app_that_fails_says_nothing_inner(site: Site) -> None:
    answer = site.talk(get(b"/fail"))
    assert problem(answer)["status"] == 500
    assert b"secret" not in answer


def test_an_app_that_fails_after_its_answer_keeps_the_connection_and_is_logged_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with site.client() as sock:
        sock.sendall(get(b"/afterwards"))
        assert read_one(sock) == (500, b"the server failed")
        sock.sendall(get(b"/slow"))
        assert read_one(sock) == (200, b"/slow")
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert "inner secret" in caplog.text
    assert logged.levelno == logging.ERROR


def test_head_and_http_1_0(site: Site) -> None:
    assert site.talk(get(b"/x", CLOSE, method=b"HEAD")).endswith(b"\r\n\r\n")
    answer = site.talk(b"GET /big HTTP/1.0\r\n\r\n")  # no length: the close ends it, for 1.0 has no chunks
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert len(body) == BIG


# --- the client leaves -----------------------------------------------------------------------------


def test_on_disconnect_is_called_once(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(get(b"/hang"))
        assert site.app.started.acquire(timeout=30)
    assert site.app.left.acquire(timeout=30)
    assert not site.app.left.acquire(blocking=False)


def test_on_disconnect_is_not_called_after_the_response(site: Site) -> None:
    site.app.release.set()
    with site.client() as sock:
        sock.sendall(get(b"/hang"))
        assert read_one(sock) == (200, b"hung")
    site.app.release.clear()
    assert site.app.started.acquire(timeout=30)
    assert not site.app.left.acquire(timeout=0.05)


def test_each_answer_has_the_time_of_day(fast_site: Site) -> None:
    def date() -> str:
        head = fast_site.talk(get(b"/x", CLOSE)).partition(b"\r\n\r\n")[0].decode()
        (found,) = re.findall(r"\r\ndate: (.+ GMT)\r\n", f"{head}\r\n")
        return found

    first = date()
    assert abs(parsedate_to_datetime(first).timestamp() - time.time()) < 60
    wait_until(lambda: date() != first, lambda: first)
