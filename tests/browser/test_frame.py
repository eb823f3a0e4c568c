"""The frame around the rooms: where the page stands, what it may do, light and dark, languages."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from serving import MODELS, Server, serving

MODEL = str(MODELS / "echoes.py")
HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(MODEL) as started:
        yield started


@pytest.fixture(scope="module")
def below() -> Iterator[Server]:
    """A server whose paths begin with something."""
    with serving(
        MODEL, "--base-path", "/some/where", "--frame-origins", "https://wiki.example.org"
    ) as started:
        yield started


def test_a_browser_gets_the_page_at_the_root_and_a_program_what_it_got(server: Server, page: Page) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    expect(page.get_by_role("link", name="echoes")).to_be_visible()
    assert "versions" in server.client.get("/").json()
    assert "versions" in server.client.get("/", headers={"accept": "application/json, text/html"}).json()
    assert server.client.get("/", headers=HTML).headers["content-type"] == "text/html; charset=utf-8"
    assert server.client.head("/", headers=HTML).headers["content-type"] == "text/html; charset=utf-8"


def test_it_works_below_a_base_path(below: Server, page: Page) -> None:
    for path in ("", "/", "/ui/models", "/ui/models/"):
        page.goto(below.url + path)
        expect(page.get_by_role("link", name="echoes")).to_be_visible()


def test_a_room_that_is_not_there_leads_back(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/nowhere")
    expect(page.get_by_role("heading", name="There is no such room.")).to_be_visible()
    page.get_by_role("link", name="To the models").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()


def test_it_may_run_no_code_but_its_own_and_be_framed_by_nobody(server: Server, below: Server) -> None:
    policy = server.client.get("/ui/models").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert policy.endswith("frame-ancestors 'none'")
    policy = below.client.get("/ui/models/echoes?embed=1").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://wiki.example.org")
    for room in ("/ui/models/echoes", "/ui/models?embed=1", "/ui/people/keys?embed=1", "/ui/jobs?embed=1"):
        policy = below.client.get(room).headers["content-security-policy"]
        assert policy.endswith("frame-ancestors 'none'"), room


def test_its_files_are_compressed_and_kept_by_browsers(server: Server) -> None:
    html = server.client.get("/ui/models").text
    name = html.split('src="./assets/')[1].split('"')[0]
    with httpx.stream(
        "GET", f"{server.url}/ui/assets/{name}", headers={"accept-encoding": "gzip"}, timeout=60.0
    ) as answer:
        packed = sum(len(piece) for piece in answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
    plain = server.client.get(f"/ui/assets/{name}", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert packed < len(plain.content)
    assert plain.headers["content-type"].startswith("text/javascript")
    for path in ("nothing.js", "..%2findex.html", "%2e%2e/index.html"):
        assert server.client.get(f"/ui/assets/{path}").status_code == 404, path


def test_light_dark_and_german(server: Server, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(server.url)
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_label("Light or dark").select_option("Light")
    expect(root).to_have_attribute("data-theme", "light")
    page.get_by_label("Language").select_option("Deutsch")
    expect(page.get_by_role("heading", name="Modelle")).to_be_visible()
    page.reload()
    expect(root).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("heading", name="Modelle")).to_be_visible()


def test_it_can_be_left_out() -> None:
    with serving(MODEL, "--no-page-endpoint", wait=False) as server:
        assert "versions" in server.client.get("/", headers=HTML).json()
        assert server.client.get("/ui/models").status_code == 404
