"""Streams both ways, as a real Chromium opens them: from a page of the server, and from one that is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from serving import MODELS
from user_site import PASSWORD, Site, serving_users

TALKS = """([url, sent]) => new Promise((resolve) => {
    const socket = new WebSocket(url), heard = [];
    socket.onopen = () => sent.forEach((one) => socket.send(one));
    socket.onmessage = (message) => heard.push(message.data);
    socket.onclose = (end) => resolve({heard, code: end.code, reason: end.reason});
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    chat = f"chat={MODELS / 'streaming_both_ways.py'}:Chat"
    with serving_users(tmp_path_factory.mktemp("data"), chat) as site:
        yield site


def talk(page: Page, site: Site, *sent: str) -> Any:
    url = site.server.url.replace("http", "ws", 1) + "/v2/models/chat/stream"
    return page.evaluate(TALKS, [url, list(sent)])


def test_a_page_that_is_logged_in_streams(site: Site, page: Page) -> None:
    asked = {"username": "anna", "password": PASSWORD}
    assert page.request.post(f"{site.server.url}/v2/login", data=asked).ok
    page.goto(f"{site.server.url}/ui/models")
    found = talk(page, site, '{"text": "hej"}', "")
    assert found == {"heard": ["en: hej", '{"total":0}'], "code": 1000, "reason": ""}
    wrong = talk(page, site, "hej")
    assert wrong["code"] == 1007
    assert wrong["reason"].startswith("message: the body is not valid JSON")


class Elsewhere(BaseHTTPRequestHandler):
    """An empty page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_opens_none(site: Site, browser: Browser, elsewhere: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.goto(elsewhere)
    asked = {"username": "anna", "password": PASSWORD}
    assert page.request.post(f"{site.server.url}/v2/login", data=asked).ok
    found = talk(page, site, '{"text": "hej"}')
    context.close()
    assert (found["heard"], found["code"]) == ([], 1006)
    assert any("403" in text for text in seen), seen
