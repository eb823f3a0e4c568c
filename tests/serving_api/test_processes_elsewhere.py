"""Several processes of a server with PostgreSQL, TLS, gRPC and users; and as the first in a container."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
from certificates import Authority, Pair
from cryptography import x509
from databases import postgres
from postgres_server import Postgres
from serving import Server, environment, serving, wait_until
from siblings_site import GRPC, asked_by_grpc, process_of
from tritonclient.grpc import service_pb2
from user_site import PASSWORD

from modelport.identity.login_attempts import FREE

__all__ = ["postgres"]
pytestmark = pytest.mark.slow
SECONDS = 60.0
PREDICT = "/v2/models/echo/predict"
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


class Site:
    """A server whose certificate may change, and clients for each of its processes."""

    def __init__(self, server: Server, authority: Authority, cert: Path, key: Path):
        self.server = server
        self.authority = authority
        self.cert, self.key = cert, key
        self.closing = contextlib.ExitStack()

    def client(self, pair: Pair | None = None, **headers: str) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.authority.file)
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        made = httpx.Client(base_url=self.server.url, verify=context, timeout=SECONDS, headers=headers)
        return self.closing.enter_context(made)

    def of_each(self, pair: Pair | None = None, **headers: str) -> list[httpx.Client]:
        """Clients that are connected to different processes."""
        found: dict[str, httpx.Client] = {}

        def are_two() -> bool:
            client = self.client(pair, **headers)  # a connection that stays has the next one go elsewhere
            found.setdefault(process_of(client.get("/v2/health/live")), client)
            return len(found) == 2

        wait_until(are_two, lambda: f"{list(found)}\n{self.server.log}", SECONDS)
        return list(found.values())


@pytest.fixture(scope="module")
def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    authority = Authority(folder)
    pair = authority.pair()
    cert, key = folder / "live.pem", folder / "live.key"
    shutil.copy(pair.cert, cert)
    shutil.copy(pair.key, key)
    file = folder / "service.toml"
    file.write_text(
        f"""
        auth = "on"
        server_processes = 2
        database_url = "{postgres.new_database()}"
        data_dir = "{folder / "data"}"
        tls_cert = "{cert}"
        tls_key = "{key}"
        tls_client_ca = "{authority.file}"
        tls_client_certs = "optional"
        grpc_port = 0
        metrics_port = 0
        poll_seconds = 60
        root_path = "/ml"
        [tls_clients]
        "cn:shop" = "predict on echo"
        """
    )
    trusted = ssl.create_default_context(cafile=authority.file)
    options = ("echo=echoes:Echo", "adds=tensor_models:Adds", "--config", str(file))
    with serving(*options, wait=False, verify=trusted) as server:
        found = Site(server, authority, cert, key)
        with found.closing:
            client = found.client()
            wait_until(lambda: client.get("/v2/health/ready").status_code == 200, lambda: server.log)
            yield found
        assert server.stop() == 0


@pytest.fixture(scope="module")
def admins(site: Site) -> list[httpx.Client]:
    """The first administrator at each process, by the link that was printed once."""
    links = re.findall(r"/v2/setup#(\S+) makes", site.server.log)
    assert len(links) == 1, site.server.log
    one, other = site.of_each()
    sent = {"token": links[0], "username": "anna", "password": PASSWORD}
    assert one.post("/v2/setup", json=sent).status_code == 201
    assert other.post("/v2/setup", json=sent).status_code == 403
    asked = {"grant_type": "password", "username": "anna", "password": PASSWORD}
    token = other.post("/v2/token", data=asked).json()["access_token"]
    for client in (one, other):
        client.headers["authorization"] = f"Bearer {token}"
    return [one, other]


def test_keys_and_sessions_are_known_to_all_and_end_for_all(site: Site, admins: list[httpx.Client]) -> None:
    one, other = admins
    made = one.post("/v2/keys", json={"name": "mine", "scopes": ["predict", "read"]}).json()
    keyed = site.of_each(**{"x-api-key": made["key"]})
    for client in keyed:
        assert client.post(PREDICT, json={"number": 1}).json()["number"] == 1
    used = [client.get("/v2/usage", params={"model": "echo"}).json()["usage"] for client in keyed]
    assert [row["calls"] for rows in used for row in rows] == [2, 2]
    assert other.delete(f"/v2/keys/{made['about']['id']}").status_code in (200, 204)
    for client in keyed:
        assert client.post(PREDICT, json={}).status_code == 401
    page, elsewhere = site.of_each()
    logged_in = page.post("/v2/login", json={"username": "anna", "password": PASSWORD})
    assert logged_in.status_code == 200
    cookie = {"cookie": logged_in.headers["set-cookie"].partition(";")[0]}  # its path is that of the proxy
    assert elsewhere.get("/v2/me", headers=cookie).json()["name"] == "anna"
    gone = elsewhere.post("/v2/logout", headers=cookie | {"origin": site.server.url})
    assert gone.status_code in (200, 204)
    wait_until(lambda: page.get("/v2/me", headers=cookie).status_code == 401, lambda: "the session goes on")


def test_wrong_passwords_slow_down_those_who_guess_at_any(site: Site) -> None:
    one, other = site.of_each()
    wrong = {"username": "ben", "password": "a wrong one"}
    for _ in range(FREE):  # so often the other one would look by itself, however slow the machine is
        while one.post("/v2/login", json=wrong).status_code != 429:
            pass
        answer = other.post("/v2/login", json=wrong)
        if answer.status_code == 429:
            break  # else the wait was over already: the next one is twice as long
    assert answer.status_code == 429


def test_certificates_of_clients_and_new_ones_of_the_server_are_those_of_all(site: Site) -> None:
    shop = site.authority.pair("shop")
    for client in site.of_each(shop):
        assert client.post(PREDICT, json={"number": 3}).json()["number"] == 3
        assert client.get("/v2/keys").status_code == 403
    fresh = site.authority.pair()
    for target, found in ((site.key, fresh.key), (site.cert, fresh.cert)):
        new = target.with_suffix(".new")
        shutil.copy(found, new)
        new.replace(target)
    wait_until(
        lambda: _serials(site) == {_serial(fresh.cert)}, lambda: f"an old one is shown: {site.server.log}"
    )


def _serials(site: Site) -> set[int]:
    """The serial numbers of the certificates that connections at once are shown, by all processes."""
    url = httpx.URL(site.server.url)
    context = ssl.create_default_context(cafile=site.authority.file)
    with contextlib.ExitStack() as held:
        found: set[int] = set()
        for _ in range(8):
            sock = held.enter_context(socket.create_connection((url.host, url.port or 0), timeout=SECONDS))
            spoken = held.enter_context(context.wrap_socket(sock, server_hostname="localhost"))
            shown: Any = spoken.getpeercert()
            found.add(int(shown["serialNumber"], 16))
        return found


def _serial(cert: Path) -> int:
    return x509.load_pem_x509_certificate(cert.read_bytes()).serial_number


def test_grpc_is_spoken_by_all_and_counted_with_the_rest(site: Site, admins: list[httpx.Client]) -> None:
    addresses = set(re.findall(GRPC, site.server.log))
    assert len(addresses) == 1
    trusted = grpc.ssl_channel_credentials(site.authority.file.read_bytes())
    port = addresses.pop().rpartition(":")[2]
    made = admins[0].post("/v2/keys", json={"name": "calls", "scopes": ["predict"]}).json()
    request, answered = service_pb2.ModelInferRequest(model_name="adds"), service_pb2.ModelInferResponse
    request.inputs.add(name="x", datatype="FP64", shape=[1]).contents.fp64_contents.append(1)
    for _ in range(8):  # each has a connection of its own, which the kernel gives one of the processes
        known = [("authorization", f"Bearer {made['key']}")]
        answer = asked_by_grpc(
            "ModelInfer", request, answered, f"localhost:{port}", trusted=trusted, metadata=known
        )
        assert answer.outputs[0].contents.fp64_contents[0] == 2.0
    with pytest.raises(grpc.RpcError) as refused:
        asked_by_grpc("ModelInfer", request, answered, f"localhost:{port}", trusted=trusted)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED  # type: ignore[union-attr]
    for client in admins:
        [found] = client.get("/v2/models/adds/stats").json()["model_stats"]
        assert found["inference_count"] == 8


def test_metrics_and_the_log_are_those_of_all(site: Site, admins: list[httpx.Client]) -> None:
    log = site.server.log
    assert len(re.findall("metrics on ", log)) == len(re.findall("serving echo, adds on ", log)) == 1
    places = re.search(r"metrics on (\S+)", log)
    assert places is not None
    total = re.compile(r'modelport_requests_total\{model="adds",verb="predict",.*code="200"\} (\d+)')
    client = site.client(authorization=admins[0].headers["authorization"])
    shown = [total.search(client.get(places[1]).text) for _ in range(4)]
    assert [found and found[1] for found in shown] == ["8"] * 4


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode != 0,
    reason="no namespaces can be made here",
)
def test_the_first_of_a_container_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "modelport.sock"
    command = [sys.executable, "-m", "modelport", "serve", "echo=echoes:Echo", "--server-processes", "2"]
    with subprocess.Popen(
        [*ALONE, *command, "--uds", str(path)], env=environment(), stderr=subprocess.PIPE, text=True
    ) as outer:
        try:
            wait_until(lambda: _status(path) == 200, lambda: f"{outer.poll()}", SECONDS)
            inside = psutil.Process(outer.pid).children()[0]
            first = max(inside.children(), key=lambda one: len(one.children()))
            before = set(first.children())
            victim = max(before, key=lambda one: one.pid)
            victim.kill()
            wait_until(lambda: set(first.children()) - before != set(), lambda: "no other one is started")
            wait_until(lambda: _status(path) == 200, lambda: "it is not ready again", SECONDS)
            wait_until(lambda: not _zombies(inside), lambda: f"{_zombies(inside)}")
            inside.terminate()
            assert outer.wait(SECONDS) == 0
            assert not path.exists()
            said = outer.stderr.read() if outer.stderr else ""
            assert len(re.findall("stopping; ", said)) == 1, said
            assert len(re.findall("serving echo on ", said)) == 1, said
        finally:
            outer.kill()


def _status(path: Path) -> int:
    if not path.exists():
        return 0
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(path)), base_url="http://here", timeout=60.0
    ) as client:
        return client.get("/v2/health/ready", timeout=SECONDS).status_code


def _zombies(inside: psutil.Process) -> list[psutil.Process]:
    return [one for one in inside.children(recursive=True) if one.status() == psutil.STATUS_ZOMBIE]
