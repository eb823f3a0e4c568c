"""What proxies say of their clients: believed of those that are trusted alone."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.http.forwarded import FIELDS, TrustedProxies
from modelport.http.limits import HttpLimits
from modelport.http.server import HttpServer

OURS = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]


def client_by(field: str, *values: str) -> tuple[str, int] | None:
    proxies = TrustedProxies(OURS, [field])
    return proxies.told([(field.encode(), value.encode()) for value in values]).client


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["203.0.113.7"], ("203.0.113.7", 0)),
        (["203.0.113.7:4711"], ("203.0.113.7", 4711)),
        (["2001:db8::7"], ("2001:db8::7", 0)),
        (["[2001:db8::7]:4711"], ("2001:db8::7", 4711)),
        (["::ffff:203.0.113.7"], ("203.0.113.7", 0)),
        (["6.6.6.6, 203.0.113.7"], ("203.0.113.7", 0)),  # what a client has said of itself
        (["6.6.6.6", "203.0.113.7"], ("203.0.113.7", 0)),
        (["127.0.0.1, 203.0.113.7, 10.1.2.3 ,10.0.0.1"], ("203.0.113.7", 0)),
        (["203.0.113.7, fd00::1"], ("203.0.113.7", 0)),
        (["10.9.9.9, 10.0.0.1"], ("10.9.9.9", 0)),
        (["203.0.113.7, unknown, 10.0.0.1"], ("10.0.0.1", 0)),
        (["203.0.113.7, _hidden"], None),
        (["203.0.113.7,"], None),
        (["203.0.113.7:port"], None),
        (["[2001:db8::7"], None),
        (["[2001:db8::7]x"], None),
        (["0x7f.1"], None),
        (["<script>"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_client_is_the_right_most_that_is_no_proxy(
    values: list[str], client: tuple[str, int] | None
) -> None:
    assert client_by("x-forwarded-for", *values) == client


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("for=203.0.113.7", ("203.0.113.7", 0)),
        ('For="[2001:db8::7]:4711";proto=https', ("2001:db8::7", 4711)),
        ('for=6.6.6.6, for="203.0.113.7";by=10.0.0.1, for=10.0.0.2', ("203.0.113.7", 0)),
        ('for="203.0.113.7, for=6.6.6.6"', None),  # the comma is within quotes
        ('for="203.0.113.7', None),
        ("for=unknown", None),
        ("proto=https", None),
        ("for=203.0.113.7 for=6.6.6.6", None),
    ],
)
def test_a_forwarded_is_read_as_it_is_meant(value: str, client: tuple[str, int] | None) -> None:
    assert client_by("forwarded", value) == client


def test_what_is_nearest_counts_of_scheme_and_host() -> None:
    proxies = TrustedProxies(OURS, FIELDS)
    told = proxies.told([(b"x-forwarded-proto", b"http, HTTPS"), (b"x-forwarded-host", b"evil, a.example")])
    assert (told.scheme, told.host) == ("https", "a.example")
    told = proxies.told([(b"forwarded", b"proto=http;host=evil, proto=https;host=a.example")])
    assert (told.scheme, told.host) == ("https", "a.example")
    assert proxies.told([(b"x-forwarded-proto", b"javascript")]).scheme == ""


def test_a_field_that_proxies_do_not_set_means_nothing() -> None:
    proxies = TrustedProxies(OURS, ["x-forwarded-for"])
    told = proxies.told([(b"forwarded", b"for=6.6.6.6;host=evil"), (b"x-forwarded-host", b"evil")])
    assert told == (None, "", "", None)


@given(st.sampled_from(FIELDS), st.text(alphabet='0123456789.:[]",;= \\for', max_size=60))
def test_whatever_stands_there_is_read(field: str, value: str) -> None:
    client = client_by(field, value)
    assert client is None or socket.getaddrinfo(client[0], 1, flags=socket.AI_NUMERICHOST)


@pytest.mark.parametrize(
    ("trusted", "peer", "is_trusted"),
    [
        (OURS, "127.0.0.1", True),
        (OURS, "::ffff:10.1.1.1", True),
        (OURS, "127.0.0.2", False),
        (OURS, "fd12::1%eth0", True),
        (OURS, "unix", False),
        (["unix"], "unix", True),
        (["unix"], "127.0.0.1", False),
        (["unix", "127.0.0.1"], None, False),  # who has gone already
        ([], "127.0.0.1", False),
    ],
)
def test_proxies_are_known_by_their_addresses(trusted: list[str], peer: str | None, is_trusted: bool) -> None:
    client = None if peer in (None, "unix") else (peer, 1)
    assert TrustedProxies(trusted, FIELDS).trusts(client, by_unix=peer == "unix") is is_trusted


async def told(scope: Any, receive: Any, send: Any) -> None:
    host = dict(scope["headers"])[b"host"].decode()
    body = f"{scope['client'][0]} {scope['scheme']} {host} {scope['modelport.proxy_user']!r}".encode()
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    await send(head)
    await send({"type": "http.response.body", "body": body})


async def asked(limits: HttpLimits, requests: list[tuple[str, dict[str, str]]]) -> list[str]:
    """What a server behind a proxy at 127.0.0.1 sees of requests from these addresses; each is sent twice."""
    proxies = TrustedProxies(
        ["127.0.0.1"], ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"], "x-u"
    )
    server = HttpServer(told, limits, proxies=proxies)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    await server.listen(listener)
    clients: dict[str, httpx.AsyncClient] = {}
    found: list[str] = []
    for source, headers in requests:
        if source not in clients:
            clients[source] = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(local_address=source), timeout=60.0
            )
        answers = [await clients[source].get(url, headers=headers) for _ in range(2)]
        assert answers[0].text == answers[1].text
        found.append(answers[0].text if answers[0].status_code == 200 else str(answers[0].status_code))
    for client in clients.values():
        await client.aclose()
    await server.stop_listening()
    await server.last_requests(0)
    await server.end(1)
    server.close()
    return found


def test_only_a_trusted_proxy_says_for_whom_it_asks() -> None:
    sent = {
        "host": "inner",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "models.example.org",
        "x-u": "ada",
    }
    plain = {"host": "inner"}
    requests = [
        ("127.0.0.1", sent), ("127.0.0.2", sent), ("127.0.0.1", sent),
        ("127.0.0.1", plain), ("127.0.0.2", plain), ("127.0.0.1", sent | {"x-forwarded-host": "a b"}),
    ]  # fmt: skip
    assert asyncio.run(asked(HttpLimits(), requests)) == [
        "203.0.113.7 https models.example.org b'ada'",
        "127.0.0.2 http inner None",
        "203.0.113.7 https models.example.org b'ada'",
        "127.0.0.1 http inner None",
        "127.0.0.2 http inner None",
        "400",
    ]


def test_a_proxy_has_more_connections_than_one_client() -> None:
    async def connected(source: str, limits: HttpLimits) -> list[int]:
        server = HttpServer(told, limits, proxies=TrustedProxies(["127.0.0.1"], FIELDS))
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await server.listen(listener)
        clients = [
            httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=source), timeout=60.0)
            for _ in range(3)
        ]
        statuses = [(await client.get(url)).status_code for client in clients]
        for client in clients:
            await client.aclose()
        await server.stop_listening()
        await server.last_requests(0)
        await server.end(1)
        server.close()
        return statuses

    limits = HttpLimits(connections=10, connections_of_one=2)
    assert asyncio.run(connected("127.0.0.1", limits)) == [200, 200, 200]
    assert asyncio.run(connected("127.0.0.2", limits)) == [200, 200, 429]
