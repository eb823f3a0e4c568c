"""A real Chromium that looks at a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from modelport.api.page_routes import FOLDER

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# It asks nobody else on the network: not for updates, not for lists of bad pages.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",  # a camera and a microphone that every machine has
    "--use-fake-ui-for-media-stream",
)
SECONDS = 20
EXPECTED = "Failed to load resource"  # what Chromium says of every answer that is no good one


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    missing = None if program else "there is no Chromium (Debian: apt-get install chromium)"
    if not (FOLDER / "index.html").exists():
        missing = "the page is not built (`make ui`, which needs npm)"
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of its own. Fails a test in which the page throws, or wants what its policy forbids."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SECONDS * 1000)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: _note(message, wrong))
    yield tab
    context.close()
    assert not wrong, wrong


def _note(message: ConsoleMessage, wrong: list[str]) -> None:
    if message.type == "error" and not message.text.startswith(EXPECTED):
        wrong.append(message.text)
