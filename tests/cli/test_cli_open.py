"""`modelport serve --open`: the page in a browser, which here is a program that writes what it is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import modelport
from serving import MODELS, Server, serving, wait_until

from modelport.api.page_routes import is_built

ECHOES = str(MODELS / "echoes.py")
NO_BROWSER = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
SAID = r"--open: no browser was opened at (\S+): (.*)"
needs_page = pytest.mark.skipif(not is_built(), reason="the page is not built (`make ui`, which needs npm)")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Path]:
    """A browser that stays open until the test ends; beside it, `opened` is what it was told."""
    program, until = tmp_path / "browser", tmp_path / "until"
    os.mkfifo(until)
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/opened\nexec 2>&- >&-\nread line < {until}\n')
    program.chmod(0o755)
    yield program
    os.close(os.open(until, os.O_RDWR))


def opened(browser: Path, server: Server) -> str:
    file = browser.with_name("opened")
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), lambda: server.log)
    return file.read_text().strip()


@needs_page
@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        ((ECHOES,), "http://127.0.0.1:{port}/ui/models/echoes"),
        ((ECHOES, "second=" + ECHOES, "--host", "0.0.0.0", "--auth", "off", "--base-path", "/some/where"),
         "http://127.0.0.1:{port}/some/where/ui/models"),
    ],
)  # fmt: skip
def test_the_page_is_opened_as_this_machine_reaches_it(
    browser: Path, arguments: tuple[str, ...], page: str
) -> None:
    with serving("--open", *arguments, wait=False, BROWSER=str(browser)) as server:
        port = server.url.split(":")[2].split("/")[0]
        assert opened(browser, server) == page.format(port=port)
        answer = server.client.get(page.format(port=port), headers={"accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html")
        assert server.stop() == 0, "a browser that is open keeps no server"


@needs_page
@pytest.mark.slow
def test_it_is_said_where_the_page_is_and_why_no_browser_was_opened(tmp_path: Path) -> None:
    with serving("--open", ECHOES, wait=False, **NO_BROWSER) as server:
        page, why = server.wait_for_log(SAID).groups()
        assert page == f"{server.url}/ui/models/echoes"
        assert why == "there is no display here (DISPLAY or WAYLAND_DISPLAY), and BROWSER names no browser"
        assert server.client.get("/v2/health/live").status_code == 200
    none = str(tmp_path / "none")
    with serving("--open", ECHOES, wait=False, **NO_BROWSER | {"BROWSER": none}) as server:
        assert server.wait_for_log(SAID).group(2) == f"{none} could not be run, or failed"
    with serving("--open", ECHOES, "--uds", str(tmp_path / "socket"), wait=False, **NO_BROWSER) as server:
        page, why = server.wait_for_log(SAID).groups()
        assert (page, why.startswith("browsers reach no Unix socket")) == (server.url, True)


def test_a_server_without_a_page_opens_none(browser: Path) -> None:
    with serving("--open", ECHOES, "--no-page-endpoint", wait=False, BROWSER=str(browser)) as server:
        assert server.wait_for_log(SAID).group(2) == "the setting page_endpoint is off"
        assert not browser.with_name("opened").exists()


def test_it_is_no_setting() -> None:
    assert "--open " in modelport("serve", "--help").stdout
    done = modelport("config", "--open", ECHOES)
    assert (done.returncode, "No such option" in done.stderr) == (2, True), done.stderr
