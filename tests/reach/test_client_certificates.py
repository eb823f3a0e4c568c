"""Clients that are known by certificates."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from certificates import Authority, Pair
from cryptography import x509
from serving import Server, environment, serving, start, wait_until

import modelport

Make = Callable[[Pair | None], httpx.Client]
HOST = "127.0.0.1"
PREDICT = "/v2/models/Twice/predict"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def trusting(authority: Authority, pair: Pair | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    if pair is not None:
        context.load_cert_chain(pair.cert, pair.key)
    return context


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def on_folder(data: Path, *command: str) -> str:
    """What a command prints that works on the data folder."""
    arguments = [sys.executable, "-m", "modelport", *command, "--data-dir", str(data)]
    done = subprocess.run(
        arguments, env=environment(), capture_output=True, timeout=60, check=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def reader(data: Path) -> str:
    """A key that may read."""
    return on_folder(data, "keys", "create", "--name", "reader", "--scopes", "read")


@pytest.fixture(scope="module")
def server(
    authority: Authority, data: Path, reader: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    pair = authority.pair()
    file = tmp_path_factory.mktemp("settings") / "service.toml"
    file.write_text(
        f"""
        auth = "on"
        tls_cert = "{pair.cert}"
        tls_key = "{pair.key}"
        tls_client_ca = "{authority.file}"
        tls_client_certs = "optional"
        [tls_clients]
        "dns:shop.example" = "predict on Twice"
        "uri:spiffe://here/ops" = "admin"
        "cn:lab" = "read"
        """
    )
    trusted = trusting(authority, None)
    options = ("Twice=reached:Twice", "--config", str(file), "--data-dir", str(data))
    with serving(*options, wait=False, verify=trusted) as running:
        running.wait_for_log("ready after")
        yield running


@pytest.fixture
def client_of(server: Server, authority: Authority) -> Iterator[Make]:
    made: list[httpx.Client] = []

    def make(pair: Pair | None) -> httpx.Client:
        made.append(httpx.Client(base_url=server.url, verify=trusting(authority, pair), timeout=20))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_the_holder_may_do_what_the_table_says(client_of: Make, authority: Authority) -> None:
    shop = client_of(authority.pair("a shop", x509.DNSName("SHOP.example")))
    assert shop.post(PREDICT, json={"number": 21}).json() == 42
    assert shop.post(PREDICT, data={"number": "4"}).json() == 8
    refused = shop.post("/v2/models/Twice/train", json={"number": 1})
    assert refused.status_code == 403
    assert "'dns:shop.example' may not do this: it needs train" in refused.json()["detail"]


def test_a_common_name_counts_after_the_others(client_of: Make, authority: Authority) -> None:
    lab = client_of(authority.pair("lab", x509.DNSName("elsewhere.example")))
    assert lab.get("/v2/models/").status_code == 200
    assert lab.post(PREDICT, json={"number": 1}).status_code == 403
    both = client_of(authority.pair("lab", x509.DNSName("shop.example")))
    assert both.post(PREDICT, json={"number": 1}).status_code == 200


def test_nobody_is_let_in_by_a_certificate_that_means_nobody(client_of: Make, authority: Authority) -> None:
    stranger = client_of(authority.pair("stranger"))
    refused = stranger.post(PREDICT, json={"number": 1})
    assert (refused.status_code, "tls_clients" in refused.json()["detail"]) == (401, True)
    assert stranger.get("/v2/health/live").status_code == 200
    assert client_of(None).post(PREDICT, json={"number": 1}).status_code == 401


def test_strangers_see_no_more_of_readiness_than_how_many_there_are(
    client_of: Make, authority: Authority
) -> None:
    assert client_of(None).get("/v2/health/ready").json() == {
        "ready": True,
        "models": {},
        "others": {"ready": 1},
    }
    lab = client_of(authority.pair("lab", x509.DNSName("elsewhere.example")))
    assert "seconds_to_ready" in lab.get("/v2/health/ready").json()["models"]["Twice"]


def test_a_key_goes_before_it(client_of: Make, authority: Authority, data: Path, reader: str) -> None:
    ops = client_of(authority.pair("ops", x509.UniformResourceIdentifier("spiffe://here/ops")))
    assert ops.post("/v2/keys", json={"name": "lab", "scopes": ["read"]}).status_code == 201
    key = {"x-api-key": reader}
    assert client_of(None).get("/v2/models/", headers=key).status_code == 200
    assert ops.post(PREDICT, json={"number": 1}).status_code == 200
    assert ops.post(PREDICT, json={"number": 1}, headers=key).status_code == 403
    assert "uri:spiffe://here/ops" in str(ops.get("/v2/audit").json())
    assert "uri:spiffe://here/ops" in on_folder(data, "audit", "--json")


def test_another_authority_s_certificate_is_none(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    foreign = Authority(tmp_path, "another").pair("a shop", x509.DNSName("shop.example"))
    with httpx.Client(base_url=server.url, verify=trusting(authority, foreign), timeout=60.0) as client:
        with pytest.raises(httpx.TransportError):
            client.get("/v2/health/live")


@pytest.mark.slow
def test_it_holds_no_longer_than_it_says(client_of: Make, authority: Authority) -> None:
    lasts = datetime.timedelta(seconds=3)
    shop = client_of(authority.pair("a shop", x509.DNSName("shop.example"), lasts=lasts))
    assert shop.post(PREDICT, json={"number": 1}).status_code == 200
    answers: list[httpx.Response] = []

    def is_over() -> bool:  # on the connection that was begun before
        answers.append(shop.post(PREDICT, json={"number": 1}))
        return answers[-1].status_code == 401

    wait_until(is_over, lambda: str(answers[-1:]))


def test_a_session_that_is_resumed_has_the_same_holder(server: Server, authority: Authority) -> None:
    context = trusting(authority, authority.pair("a shop", x509.DNSName("shop.example")))
    body = b'{"number": 4}'
    request = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" % PREDICT.encode()
    request += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    session: ssl.SSLSession | None = None
    for is_resumed in (False, True):
        with socket.create_connection((HOST, int(server.url.rpartition(":")[2])), 10) as sock:
            with context.wrap_socket(sock, server_hostname="localhost", session=session) as spoken:
                spoken.sendall(request)
                assert spoken.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
                assert spoken.session_reused is is_resumed
                session = spoken.session


def test_the_python_client_has_one(server: Server, authority: Authority) -> None:
    pair = authority.pair("a shop", x509.DNSName("shop.example"))
    with modelport.Client(server.url, verify=authority.file, cert=(pair.cert, pair.key)) as client:
        assert client.predict("Twice", number=3) == 6


def test_without_one_nobody_connects_where_it_is_required(authority: Authority) -> None:
    pair = authority.pair()
    options = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key), "--tls-client-ca"]
    variables = {"MODELPORT_CLIENT_CERT": str(pair.cert), "MODELPORT_CLIENT_KEY": str(pair.key)}
    with serving("Twice=reached:Twice", *options, str(authority.file), wait=False) as server:
        with httpx.Client(base_url=server.url, verify=trusting(authority, None), timeout=60.0) as client:
            with pytest.raises(httpx.TransportError):
                client.get("/v2/health/live")
        with httpx.Client(base_url=server.url, verify=trusting(authority, pair), timeout=60.0) as client:
            assert client.get("/v2/health/live").status_code == 200
        asked = subprocess.run(
            [sys.executable, "-m", "modelport", "jobs", "--url", server.url, "--json"],
            env=environment(MODELPORT_CA_FILE=str(authority.file), **variables),
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert (asked.returncode, asked.stdout) == (0, b"[]\n")


def test_what_cannot_be_used_is_named(authority: Authority, tmp_path: Path) -> None:
    pair = authority.pair()
    empty = tmp_path / "empty.pem"
    empty.touch()

    def said(*options: str) -> str:
        process = start("Twice=reached:Twice", *options)
        assert process.stderr is not None
        found = process.stderr.read()
        process.stderr.close()
        assert process.wait(30) == 2
        return found

    tls = ("--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
    ca = ("--tls-client-ca", str(authority.file))
    assert f"tls_client_ca: {empty} has no certificates" in said(*tls, "--tls-client-ca", str(empty))
    assert "tls_client_ca is of no use without tls_cert" in said(*ca)
    table = ("--tls-clients", "cn:a=predict")
    assert "tls_clients is of no use without tls_client_ca" in said(*tls, *table, "--auth", "on")
    assert "set auth on" in said(*tls, *ca, *table)
    assert "without tls_client_ca, whose certificates" in said(*tls, "--tls-client-certs", "optional")
    assert "'a' names no holder of a certificate" in said(*tls, *ca, "--tls-clients", "a=predict")
    assert "'fly' grants nothing" in said(*tls, *ca, "--tls-clients", "cn:a=fly")
