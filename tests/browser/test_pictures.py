"""The pictures of the page in the docs: each can be taken, and is small. `make pictures` takes them anew."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from serving import ROOT, Server, serving

EXAMPLES = ROOT / "examples"
SEVEN = EXAMPLES / "digits" / "pictures" / "7.png"
LARGEST = 150_000
# Whether both curves of a job are drawn: a canvas is there before anything is on it.
DRAWN = """() => {
    const isDrawn = (canvas) => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.some((value) => value > 0);
    };
    const all = [...document.querySelectorAll('canvas')];
    return all.length === 2 && all.every(isDrawn);
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Three models, and two trainings of one of them."""
    sources = [EXAMPLES / "digits/digits.py", EXAMPLES / "iris/iris.py", EXAMPLES / "tagger/tagger.py"]
    with serving(*map(str, sources)) as started:
        for rate in ("0.02", "0.5"):
            path = f"/v2/models/tagger/train/?epochs=30&learning_rate={rate}"
            job = started.client.post(path).headers["location"]
            log = started.client.get(f"{job}/log", params={"follow": "1"}, timeout=60)
            assert log.status_code == 200
        yield started


def kept(page: Page, name: str, folder: Path) -> None:
    """Keep what the tab shows, in few colours; the folder is that of the docs if somebody asks for it."""
    taken = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    path = Path(os.environ.get("PICTURES", folder)).absolute() / f"page-{name}.png"
    taken.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    assert taken.size == (1280, 800)
    assert path.stat().st_size < LARGEST


@pytest.fixture
def tab(page: Page) -> Page:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    return page


def test_the_list_of_models(server: Server, tab: Page, tmp_path: Path) -> None:
    tab.goto(f"{server.url}/ui/models")
    for model in ("digits", "iris", "tagger"):
        expect(tab.get_by_role("link", name=model).first).to_be_visible()
    kept(tab, "models", tmp_path)
    tab.emulate_media(color_scheme="dark")
    tab.reload()
    expect(tab.get_by_role("link", name="tagger").first).to_be_visible()
    kept(tab, "models-dark", tmp_path)


def test_a_model_with_its_answer(server: Server, tab: Page, tmp_path: Path) -> None:
    tab.goto(f"{server.url}/ui/models/digits")
    tab.locator("input[type=file]").first.set_input_files(SEVEN)
    with tab.expect_response(lambda answer: "/predict" in answer.url):
        tab.locator("form button[type=submit]").first.click()
    expect(tab.get_by_text(re.compile(r"^9\d(\.\d+)? %$")).first).to_be_visible()
    kept(tab, "digits", tmp_path)


def test_a_table(server: Server, tab: Page, tmp_path: Path) -> None:
    tab.goto(f"{server.url}/ui/models/iris")
    tab.locator("input[type=file]").first.set_input_files(EXAMPLES / "iris" / "flowers.csv")
    expect(tab.get_by_label("Row 1, sepal_length")).to_have_value("5.1")
    tab.locator("form button[type=submit]").first.click()
    expect(tab.get_by_text("setosa").first).to_be_visible()
    kept(tab, "iris", tmp_path)


def test_jobs_and_one_of_them(server: Server, tab: Page, tmp_path: Path) -> None:
    tab.goto(f"{server.url}/ui/jobs")
    expect(tab.get_by_role("link", name="tagger").or_(tab.locator("table")).first).to_be_visible()
    kept(tab, "jobs", tmp_path)
    job = server.client.get("/v2/jobs").json()["jobs"][0]["id"]
    tab.goto(f"{server.url}/ui/jobs/{job}")
    expect(tab.get_by_text("epoch 30", exact=False).first).to_be_visible()
    tab.wait_for_function(DRAWN)
    kept(tab, "job", tmp_path)
