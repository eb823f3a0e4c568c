"""A dialect is added by its folder and one line: here to a copy of the package, and asked as any other."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import MODELS, Server, serving

import modelport

SOURCE = Path(modelport.__file__).parent
REGISTRY = "dialects/__init__.py"
FOLDER = Path(__file__).parent / "toy"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a modelport that has the dialect, too."""
    place = tmp_path_factory.mktemp("with_toy")
    copy = place / "modelport"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    (copy / "api/documents/static").symlink_to(SOURCE / "api/documents/static")
    shutil.copytree(FOLDER, copy / "dialects/toy", ignore=shutil.ignore_patterns("__pycache__"))
    lines = (copy / REGISTRY).read_text(encoding="utf-8").splitlines(keepends=True)
    lines.insert(lines.index("NAMES = (\n") + 1, '    "toy",\n')
    (copy / REGISTRY).write_text("".join(lines), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def server(package: Path) -> Iterator[Server]:
    path = os.pathsep.join((str(package), str(MODELS)))
    model = f"echo={MODELS / 'echoes.py'}:Echo"
    with serving(model, "--envelope", cwd=package, PYTHONPATH=path) as running:
        yield running


def test_it_is_answered_by_the_long_way(server: Server) -> None:
    answer = server.client.post("/toy/echo", json={"number": 3}, headers={"prefer": "wait=1"})
    assert (answer.status_code, answer.json()) == (200, {"toy": {"number": 3, "text": ""}})
    assert answer.headers["toy-way"] == "long"


def test_what_comes_whole_is_answered_by_the_shortest_way(server: Server) -> None:
    address = httpx.URL(server.url)
    host = f"Host: {address.host}:{address.port}\r\nConnection: close\r\n"
    fields = f"{host}Content-Type: application/json\r\nContent-Length: 13"
    with socket.create_connection((address.host, address.port or 80), timeout=20) as sock:
        sock.sendall(f'POST /toy/echo HTTP/1.1\r\n{fields}\r\n\r\n{{"number": 3}}'.encode())
        with sock.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
    assert json.loads(body) == {"toy": {"number": 3, "text": ""}}
    assert b"toy-way" not in head


def test_errors_have_its_words(server: Server) -> None:
    answer = server.client.post("/toy/echo", json={"number": "three"})
    assert answer.status_code == 422
    assert "number" in answer.json()["oops"]
    refused = server.client.post("/toy/echo", json={}, headers={"host": "evil.example"})
    assert refused.status_code == 421


def test_the_documents_and_the_other_methods_know_it(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    assert document["paths"]["/toy/{model}"]["post"]["tags"] == ["toy"]
    assert {"name": "toy", "description": "Asking, in an envelope"} in document["tags"]
    answers = document["paths"]["/toy/{model}"]["post"]["responses"]["200"]["content"]
    assert answers["application/json"]["schema"] == {"$ref": "#/components/schemas/ToyAnswer"}
    assert server.client.get("/toy/echo").headers["allow"] == "POST"


def test_the_others_are_what_they_were(server: Server) -> None:
    assert server.client.get("/v2/").json()["id"] == "v2"
    assert server.client.post("/v2/models/echo/predict/", json={"number": 3}).json()["number"] == 3
    assert server.client.post("/predict", json={"number": 3}).json()["data"] == {"number": 3, "text": ""}
    assert server.client.get("/info").json()["data"]["model_info"]["name"] == "echo"
