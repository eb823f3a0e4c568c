"""A server behind a proxy that cuts the first part of each path off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from serving import Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("Twice=reached:Twice", "--root-path", "/ml", "--base-path", "/m", wait=False) as running:
        running.client.base_url = running.url  # as the proxy asks
        running.wait_for_log("ready after")
        yield running


def test_requests_come_without_it(server: Server) -> None:
    assert server.url.endswith("/m")
    hot = server.client.post("/v2/models/Twice/predict", json={"number": 21})
    assert (hot.status_code, hot.json()) == (200, 42)
    assert server.client.get("/v2/models/Twice").status_code == 200


def test_locations_and_links_have_it(server: Server) -> None:
    made = server.client.post("/v2/models/Twice/train", json={"number": 1})
    assert made.headers["location"].startswith("/ml/m/v2/")
    listed = server.client.get("/v2/jobs").json()["jobs"]
    assert all(link.startswith("/ml/m/v2/jobs/") for link in listed[0]["links"].values())
    model = server.client.get("/v2/models/Twice").json()
    assert model["links"][0]["href"].startswith("/ml/m/v2/models/Twice")


def test_documents_and_their_pages_have_it(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    assert all(path.startswith("/ml/m") for path in document["paths"])
    swagger = server.client.get("/swagger.json").json()
    assert all(path.startswith("/ml/m") for path in swagger["paths"])
    page = server.client.get("/docs").text
    assert re.findall(r'(?:src|href)="(/[^"]*)"', page)
    assert all(place.startswith("/ml/m/") for place in re.findall(r'(?:src|href)="(/[^"]*)"', page))


def test_what_is_not_there_is_told_by_its_outer_path(server: Server) -> None:
    assert "/ml/m/openapi.json lists what there is" in server.client.get("/v2/nothing").json()["detail"]
