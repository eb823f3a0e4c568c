"""The form of a model within a page of another origin, as a real Chromium shows it there."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from serving import Server, serving
from user_site import MODEL, PASSWORD, first_admin

FORM = "/ui/models/echo?embed=1"
FRAME = '<!doctype html><title>Wiki</title><iframe src="{src}" width="900" height="700"></iframe>'
# By the history of the frame, as nothing of the form leads there.
GO_ELSEWHERE = """() => {
    history.pushState(null, '', '/ui/jobs');
    history.pushState(null, '', '/ui/models/echo?embed=1');
    history.back();
}"""


class Wiki(BaseHTTPRequestHandler):
    """A page that has in a frame what its query says."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(FRAME.format(src=urlsplit(self.path).query).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the wiki is: on 127.0.0.1, as the servers, and on localhost, which is another site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Wiki) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        yield server.server_port
        server.shutdown()
        running.join()


@pytest.fixture(scope="module")
def open_to_all(port: int) -> Iterator[Server]:
    with serving(MODEL, "--frame-origins", f"http://127.0.0.1:{port}") as server:
        yield server


def framed(page: Page, origin: str, address: str) -> FrameLocator:
    page.goto(f"{origin}/?{address}")
    return page.frame_locator("iframe")


def runs(frame: FrameLocator) -> None:
    frame.get_by_role("button", name="Run", exact=True).click()
    expect(frame.get_by_role("heading", name="Answer")).to_be_visible()


def test_a_page_that_is_listed_has_the_form_in_a_frame(port: int, open_to_all: Server, page: Page) -> None:
    frame = framed(page, f"http://127.0.0.1:{port}", open_to_all.url + FORM)
    runs(frame)
    expect(frame.get_by_role("navigation")).to_have_count(0)
    with page.expect_popup() as opened:
        frame.get_by_role("link", name="Open in a window of its own").click()
    expect(opened.value.get_by_role("navigation", name="Rooms", exact=True)).to_be_visible()
    assert opened.value.url == f"{open_to_all.url}/ui/models/echo"


def test_what_leaves_the_form_opens_a_window_of_its_own(port: int, open_to_all: Server, page: Page) -> None:
    frame = framed(page, f"http://127.0.0.1:{port}", open_to_all.url + FORM)
    expect(frame.get_by_role("button", name="Run", exact=True)).to_be_visible()
    with page.expect_popup() as opened:
        page.frames[1].evaluate(GO_ELSEWHERE)
    expect(opened.value.get_by_role("heading", name="Jobs")).to_be_visible()
    assert opened.value.url == f"{open_to_all.url}/ui/jobs"
    expect(frame.get_by_role("button", name="Run", exact=True)).to_be_visible()


def test_no_other_page_and_no_other_room_is_in_a_frame(
    port: int, open_to_all: Server, browser: Browser
) -> None:
    own, other = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
    rooms = ("/ui/models/echo", "/ui/models?embed=1", "/ui/models/echo/versions?embed=1",
             "/ui/people/me?embed=1", "/ui/jobs?embed=1", "/?embed=1", "/docs", "/redoc")  # fmt: skip
    with browser.new_context() as context:
        page = context.new_page()
        for origin, path in [(other, FORM), *((own, path) for path in rooms)]:
            page.goto(f"{origin}/?{open_to_all.url}{path}")
            page.frames[1].wait_for_url(re.compile("^chrome-error:"), wait_until="commit", timeout=20_000)


def test_one_logs_in_in_a_window_of_its_own(port: int, page: Page) -> None:
    wikis = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    with serving(MODEL, "--auth", "on", "--frame-origins", wikis[0], "--frame-origins", wikis[1]) as server:
        assert first_admin(server).status_code == 201
        frame = framed(page, wikis[0], server.url + FORM)
        expect(frame.get_by_role("heading", name="Log in to use this model")).to_be_visible()
        expect(frame.locator("input")).to_have_count(0)
        with page.expect_popup() as opened:
            frame.get_by_role("link", name="Open in a window of its own").click()
        opened.value.get_by_label("Name").fill("anna")
        opened.value.get_by_label("Password").fill(PASSWORD)
        opened.value.get_by_role("button", name="Log in").click()
        expect(opened.value.get_by_role("button", name="Log out")).to_be_visible()
        frame.get_by_role("button", name="I have logged in").click()
        runs(frame)
        frame = framed(page, wikis[1], server.url + FORM)  # of another site
        frame.get_by_role("button", name="I have logged in").click()
        expect(frame.get_by_text("This page is not told who you are.")).to_be_visible()
        expect(frame.locator("input")).to_have_count(0)
