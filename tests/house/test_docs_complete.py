"""The docs leave nothing out: every route, error, page, folder and printed command is in them."""

from __future__ import annotations

import re
from pathlib import Path

import endpoints_table
import pytest
from msgspec.structs import replace

from modelport.api.documents.resources import ERRORS
from modelport.api.endpoints.table import ENDPOINTS
from modelport.cli.main import COMMANDS
from modelport.serving.life import Life
from modelport.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HTTP_API = (DOCS / "http-api.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
AUTOMATIC = {"HEAD", "OPTIONS"}


def routes() -> set[str]:
    """Each route of the server as the docs write it: method and path."""
    settings = Settings(openwhisk=True)  # with it all that may be there
    app = Life([], settings).application()
    return {
        f"{method} {route.path}".replace(":path", "")
        for route in app._others.routes
        for method in (getattr(route, "methods", None) or {"GET"}) - AUTOMATIC
    }


def folders(parent: Path) -> list[str]:
    """The folders that hold code of ours."""
    return sorted(folder.name for folder in parent.iterdir() if any(folder.glob("*.py")))


def test_every_route_is_in_the_docs_and_nothing_else() -> None:
    assert set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", HTTP_API)) == routes()


def test_a_row_that_is_new_gets_its_line_in_the_docs_and_one_that_is_gone_loses_it() -> None:
    assert endpoints_table.renewed(HTTP_API) == HTTP_API, "run `make docs`"
    [jobs] = [one for one in ENDPOINTS if (one.method, one.path) == ("GET", "/v2/jobs")]
    new = replace(jobs, method="PUT", summary="Do | that", path="/v2/jobs/{job}/note")
    at = ENDPOINTS.index(jobs)
    with_it = endpoints_table.renewed(HTTP_API, [*ENDPOINTS[: at + 1], new, *ENDPOINTS[at + 1 :]])
    line = "| `PUT /v2/jobs/{job}/note` | do / that; `model`, `kind`, `state`, `limit`, `cursor` |\n"
    before, _, after = with_it.partition(line)
    assert before + after == HTTP_API
    assert before.splitlines()[-1].startswith("| `GET /v2/jobs` |")
    assert endpoints_table.renewed(with_it) == HTTP_API


@pytest.mark.parametrize("status", sorted(ERRORS))
def test_every_error_of_the_api_documents_is_in_the_docs(status: int) -> None:
    assert re.search(rf"^\| {status} \|", HTTP_API, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_docs(command: str) -> None:
    assert f"`modelport {command}`" in (DOCS / "command-line.md").read_text(encoding="utf-8")


def test_every_page_is_in_the_index_of_the_docs() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "README.md" and page.name not in index
    ] == []


@pytest.mark.parametrize("folder", folders(ROOT / "src" / "modelport"))
def test_every_package_is_on_the_map_of_the_house(folder: str) -> None:
    assert re.search(rf"^  {folder}/ ", CONTRIBUTING, re.MULTILINE)


def test_what_make_run_prints_is_in_the_readme() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nrun:")[2].partition("\n\n")[0]
    printed = re.findall(r"@echo ['\"] *(curl .*)['\"]$", recipe, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(printed) >= 2
    assert [command for command in printed if command not in readme] == []
