"""A real nginx before the server, with the configuration that docs/reaching.md has, as it stands there."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import job_calls
import pytest
from certificates import Authority
from debian_programs import program
from ports import free_port
from serving import ROOT, Server, serving, wait_until

PAGE = ROOT / "docs" / "reaching.md"
CERTIFICATES = "/etc/letsencrypt/live/models.example.org/"
MOST = 24 << 20  # bytes of a body, for the server
# What Debian's own nginx.conf has, and where this one keeps its files.
AROUND = """
daemon off;
{user}
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{configuration}
}}
"""

pytestmark = pytest.mark.slow


class Site:
    """A server and the nginx before it; `client` asks that one."""

    def __init__(self, server: Server, client: httpx.Client):
        self.server = server
        self.client = client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    nginx = program("nginx", "nginx", folder)
    authority = Authority(folder)
    port = configure(folder, authority)
    own = ("--uds", str(folder / "modelport.sock"), *options(), "--client-max-size", str(MOST))
    models = ("Twice=reached:Twice", "Counted=reached:Counted", "Summed=reached:Summed")
    with serving(*models, *own, "--access-log", "json") as server:
        command = [str(nginx), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        with (folder / "said").open("w") as said, subprocess.Popen(command, stderr=said) as process:
            url = f"https://localhost:{port}/ml"
            try:
                wait_until(lambda: answers(port), (folder / "said").read_text)
                trust = ssl.create_default_context(cafile=str(authority.file))
                with httpx.Client(base_url=url, verify=trust, timeout=30.0) as client:
                    yield Site(server, client)
            finally:
                process.terminate()
                process.wait(30)


def block(mark: str) -> str:
    """The block of the page that has this mark."""
    return PAGE.read_text().partition(f"<!-- {mark} -->\n```")[2].partition("\n")[2].partition("```")[0]


def options() -> list[str]:
    """What the page starts a server behind nginx with."""
    [line] = [line for line in block("file: nginx.conf").splitlines() if "modelport serve" in line]
    return line.partition("modelport serve ")[2].split()


def configure(folder: Path, authority: Authority) -> int:
    """Write the page's configuration, with a port and files of this test; returns the port."""
    port = free_port()
    pair = authority.pair()
    text = block("file: nginx.conf")
    for there, here in (
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        (f"{CERTIFICATES}fullchain.pem", str(pair.cert)),
        (f"{CERTIFICATES}privkey.pem", str(pair.key)),
        ("/run/modelport/modelport.sock", str(folder / "modelport.sock")),
    ):
        assert text.count(there) == 1
        text = text.replace(there, here)
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder, configuration=text))
    return port


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_predictions_and_what_clients_are_told_go_through_it(site: Site) -> None:
    for _ in range(3):
        answer = site.client.post("/v2/models/Twice/predict", json={"number": 21})
        assert (answer.status_code, answer.json()) == (200, 42)
    made = site.client.post("/v2/models/Twice/train", json={"number": 1})
    location = made.headers["location"]
    assert location.startswith("/ml/v2/")
    assert site.client.get(httpx.URL(site.client.base_url).join(location)).status_code == 200
    document = site.client.get("/openapi.json").json()
    assert [path for path in document["paths"] if not f"{path}/".startswith("/ml/")] == []
    assert site.client.get("", follow_redirects=True).url.path == "/ml/"
    origin = {"Origin": f"https://localhost:{site.client.base_url.port}", "Sec-Fetch-Site": "same-origin"}
    assert site.client.post("/v2/models/Twice/predict", json={"number": 1}, headers=origin).json() == 2
    foreign = {"Origin": "https://elsewhere.example"}
    assert (
        site.client.post("/v2/models/Twice/predict", json={"number": 1}, headers=foreign).status_code == 403
    )


def test_the_client_is_whom_nginx_has_seen_whatever_it_says_itself(site: Site) -> None:
    begin = len(site.server.lines)
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "whom-it-has-seen"}
    assert site.client.post("/v2/models/Twice/predict", json={"number": 1}, headers=forged).json() == 2
    line = site.server.wait_for_log(".*whom-it-has-seen.*", start=begin).group(0)
    assert '"127.0.0.1"' in line
    assert "203.0.113.9" not in line


def test_a_stream_comes_piece_by_piece(site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    for accepted in ("application/x-ndjson", "text/event-stream"):
        gate.unlink(missing_ok=True)
        asked = {"json": {"gate": str(gate)}, "headers": {"Accept": accepted}}
        with site.client.stream("POST", "/v2/models/Counted/predict", **asked) as answer:  # pyright: ignore
            assert answer.headers["content-type"].startswith(accepted)
            pieces = answer.iter_text()
            assert "1" in next(pieces)  # while the second waits
            gate.touch()
            assert "2" in "".join(pieces)


def test_the_events_of_a_job_come_while_it_runs(site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = site.client.post("/v2/models/Counted/train", json={"gate": str(gate)}).json()["uuid"]
    seen: list[str] = []
    with site.client.stream("GET", f"/v2/jobs/{job}/events") as answer:
        for line in answer.iter_lines():
            seen.append(line)
            if "it has begun" in line:
                gate.touch()
    assert any("succeeded" in line for line in seen)
    assert job_calls.ended(site.client, job)["state"] == "succeeded"


def test_a_large_upload_arrives_as_it_was_sent(site: Site) -> None:
    data = os.urandom(MOST - (1 << 20))
    answer = site.client.post("/v2/models/Summed/predict", files={"file": ("data.bin", data)})
    assert (answer.status_code, answer.json()) == (200, hashlib.sha256(data).hexdigest())
    pieces = (data[at : at + (1 << 16)] for at in range(0, 1 << 20, 1 << 16))  # of no length that is said
    said = {"Content-Type": "application/octet-stream"}
    answer = site.client.post("/v2/models/Summed/predict", content=pieces, headers=said)
    assert (answer.status_code, answer.json()) == (200, hashlib.sha256(data[: 1 << 20]).hexdigest())


def test_what_is_too_large_is_refused_in_the_words_of_the_server(site: Site) -> None:
    answer = site.client.post("/v2/models/Summed/predict", files={"file": ("data.bin", bytes(MOST + 1))})
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("application/")
    assert str(MOST) in answer.text
    assert site.client.post("/v2/models/Twice/predict", json={"number": 3}).json() == 6


def test_a_client_that_leaves_is_noticed(site: Site, tmp_path: Path) -> None:
    begin = len(site.server.lines)
    asked = {
        "json": {"number": 1, "gate": str(tmp_path / "never")},
        "headers": {"X-Request-ID": "who-leaves"},
    }
    with pytest.raises(httpx.ReadTimeout):
        site.client.post("/v2/models/Twice/predict", timeout=httpx.Timeout(30.0, read=2.0), **asked)  # pyright: ignore
    assert "499" in site.server.wait_for_log(".*who-leaves.*", start=begin).group(0)


def test_many_ask_at_once_over_connections_that_are_kept(site: Site) -> None:
    found: list[int] = []

    def ask() -> None:
        for number in range(20):
            found.append(site.client.post("/v2/models/Twice/predict", json={"number": number}).json() // 2)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == sorted(list(range(20)) * 8)
