"""The documentation as a site: built without a warning, it asks no other server, and is searched without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import installed_from, needs_registry
from playwright.sync_api import Page, expect, sync_playwright
from serving import ROOT

import modelport
import modelport.client

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a version of the site."""
    with needs_registry():
        python = installed_from("site", ROOT / "requirements-site.lock")
    folder = tmp_path_factory.mktemp("built") / "site" / "0.1.0"
    (folder.parent / "0.0.9").mkdir(parents=True)
    done = subprocess.run(
        [str(python), "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        capture_output=True, text=True, timeout=300, cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def tab(site: Path) -> Iterator[Page]:
    """A tab that reaches nobody. Fails a test in which it asks another server."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium")
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(offline=True, color_scheme="dark").new_page()
        page.on("request", lambda request: asked.append(request.url))
        yield page
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []


def test_a_word_is_found_without_a_network(site: Path, tab: Page) -> None:
    tab.goto((site.parent / "index.html").as_uri())
    expect(tab).to_have_title("modelport")
    expect(tab.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    tab.keyboard.press("/")
    tab.get_by_placeholder("Search").type("checkpoints")
    expect(tab.locator(".md-search-result__link").first).to_be_visible(timeout=30_000)
    tab.locator(".md-search-result__link[href*='jobs.html']").first.click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Jobs")


def test_the_reference_has_every_public_name(site: Path) -> None:
    pages = [site / "reference" / f"{name}.html" for name in ("modelport", "client")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r'id="modelport\.[\w.]*?\.(\w+)"', text))
    assert {*modelport.__all__, *modelport.client.__all__} - {"__version__"} - named == set()
    assert "workers" in (site / "reference" / "settings.html").read_text(encoding="utf-8")


def test_versions_beside_each_other_are_listed_newest_first(site: Path) -> None:
    listed = (site.parent / "versions.json").read_text(encoding="utf-8")
    assert listed.index("0.1.0") < listed.index("0.0.9")
