"""What holds in every room: nothing serious for axe, in light and in dark, and a first view that is small."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect
from serving import ROOT, Server, serving

AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
ROOMS = (
    "/ui/models",
    "/ui/models/iris",
    "/ui/models/iris/runs",
    "/ui/models/iris/versions",
    "/ui/jobs",
    "/ui/runs",
    "/ui/operations",
    "/ui/operations/iris",
    "/ui/people/keys",
    "/ui/people/users",
    "/ui/people/audit",
    "/ui/people/usage",
)
MOST_BYTES = 350_000  # of JavaScript, compressed, for a first view


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(str(ROOT / "examples" / "iris" / "iris.py"), cwd=ROOT) as started:
        yield started


def serious(page: Page, script: Path) -> list[Any]:
    """What axe finds that keeps somebody out."""
    page.evaluate(script.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("() => axe.run()")
    return [
        (one["id"], [node["html"] for node in one["nodes"]][:3])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_room_keeps_anybody_out(server: Server, page: Page, scheme: Any) -> None:
    if not AXE.exists():
        assert not os.environ.get("CI"), "axe-core is not there"
        pytest.skip("axe-core is not there (`make ui` brings it, by npm)")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found: dict[str, Any] = {}
    for room in ROOMS:
        page.goto(server.url + room)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_load_state("networkidle") if "operations" not in room else None
        if wrong := serious(page, AXE):
            found[room] = wrong
    page.goto(f"{server.url}/ui/models/iris")
    page.get_by_role("button", name="As code").click()
    expect(page.get_by_role("dialog").get_by_role("tab", selected=True)).to_be_visible()
    if wrong := serious(page, AXE):
        found["the call as code"] = wrong
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Three flowers").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Your calls").click()
    expect(page.get_by_role("list", name="Your calls")).to_be_visible()
    if wrong := serious(page, AXE):
        found["own calls"] = wrong
    assert not found


@pytest.mark.parametrize("room", ["/ui/models", "/ui/models/iris"])
def test_a_first_view_is_small(server: Server, page: Page, room: str) -> None:
    sizes: list[int] = []

    def note(response: Response) -> None:
        if response.url.endswith(".js"):
            sizes.append(int(response.headers["content-length"]))

    page.on("response", note)
    page.goto(server.url + room)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) <= MOST_BYTES
