"""Many requests on one connection, and bodies that come late, in pieces or not at all."""

from __future__ import annotations

import re
import socket
import threading

from http_site import CL, CLOSE, SMUGGLED, TE, Site, chunked, get, post, problem, read_all, read_one, statuses


def test_keep_alive_serves_many_requests(site: Site) -> None:
    with site.client() as sock:
        for i in range(50):
            sock.sendall(post(CL + b"2", body=b"%02d" % i))
            assert read_one(sock) == (200, b"/post %02d" % i)


def test_f12_many_tiny_chunks(site: Site) -> None:
    size = 100_000
    answer = site.talk(post(CLOSE, TE + b"chunked", body=b"1\r\nx\r\n" * size + b"0\r\n\r\n"))
    assert statuses(answer) == [200]
    assert site.app.bodies == [b"x" * size]


def test_f12_pipelined_requests_are_answered_in_order_and_held_back(site: Site) -> None:
    count = 2_000
    flood = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(count))
    with site.client() as sock:
        writer = threading.Thread(target=sock.sendall, args=(flood + get(b"/last", CLOSE),))
        writer.start()
        answers = read_all(sock)
        writer.join()
    assert re.findall(rb"\n/(\d+) ", answers) == [b"%d" % i for i in range(count)]
    assert answers.endswith(b"/last ")


def test_pipelining_before_a_bad_request_is_answered_first(site: Site) -> None:
    answer = site.talk(get(b"/slow/1") + get(b"/slow/2") + get(host=b"") + SMUGGLED)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]
    assert site.app.seen == ["/slow/1", "/slow/2"]


def test_bad_body_of_a_waiting_request_is_answered_in_its_turn(site: Site) -> None:
    answer = site.talk(get(b"/slow/1") + chunked(b"+1\r\n") + SMUGGLED)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"400"]
    assert site.app.seen == ["/slow/1"]


def test_f13_no_100_when_the_app_does_not_read(site: Site) -> None:
    request = post(CL + b"99999999", b"Expect: 100-continue", target=b"/unread")
    with site.client() as sock:
        sock.sendall(request)
        answer = read_all(sock)  # closed, for the client may send the body or the next request
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_f13_100_when_the_app_reads(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(post(CL + b"3", b"Expect: 100-continue"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert read_one(sock) == (200, b"/post abc")


def test_an_early_answer_reaches_a_client_that_is_still_sending(site: Site) -> None:
    answer = site.talk(post(CL + b"%d" % (2 << 20), target=b"/unread", body=bytes(2 << 20)))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_f14_short_body_then_fin(site: Site) -> None:
    answer = site.talk(post(CL + b"10", body=b"abc"), end=True)
    assert problem(answer)["status"] == 400
    assert site.app.disconnects.acquire(timeout=30)
    assert site.app.seen == []


def test_f14_short_body_then_reset(site: Site) -> None:
    with site.client() as sock:
        # Who is reset may never see what had come before: it is, once the application has asked for the body.
        sock.sendall(post(CL + b"10", b"Expect: 100-continue"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert site.app.disconnects.acquire(timeout=30)
    assert site.app.seen == []


def test_short_head_then_fin(site: Site) -> None:
    assert problem(site.talk(b"GET / HT", end=True))["status"] == 400
    assert site.talk(b"", end=True) == b""


def test_bad_chunk_after_the_response_began_cuts_it_short(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(post(TE + b"chunked", target=b"/late"))
        received = b""
        while b"first" not in received:
            received += sock.recv(1000)
        sock.sendall(b"zz\r\n" + SMUGGLED)
        assert read_all(sock).strip() == b""  # no last chunk: the client can tell
    assert site.app.disconnects.acquire(timeout=30)
    assert site.app.seen == []
