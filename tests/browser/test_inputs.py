"""What a browser gives a form: camera, microphone, files that are dropped or pasted, dates, alternatives."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from serving import MODELS, ROOT, Server, serving

PICTURE = (ROOT / "examples/digits/pictures/7.png").read_bytes()
# What the browser does with a file that is dropped, or a picture that is pasted.
GIVE = """(zone, [event, bytes, name, type]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, {type}));
    const made = event === 'drop'
        ? new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})
        : new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true});
    zone.dispatchEvent(made);
}"""
START_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(f"receiving={MODELS / 'receiving.py'}:Receiving", "--allow-url-inputs") as started:
        yield started


@pytest.fixture
def form(server: Server, page: Page) -> Page:
    page.context.grant_permissions(["camera", "microphone"])
    page.goto(f"{server.url}/ui/models/receiving")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    return page


def received(page: Page) -> dict[str, Any]:
    """Press the button; what the model says that it was given."""
    answers: list[bytes] = []

    def keep(route: Route) -> None:
        answer = route.fetch()
        answers.append(answer.body())
        route.fulfill(response=answer)

    page.route("**/predict", keep)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(
        page.get_by_role("region", name="Answer").get_by_role("heading", name="The answer")
    ).to_be_visible()
    page.unroute("**/predict")
    return json.loads(answers[-1])


def zone(page: Page, title: str) -> Locator:
    return page.get_by_role("group", name=f"{title}: drop")


def parquet() -> bytes:
    """A table with a whole number, a day, a moment without a zone, and nothing in a place."""
    days = arrow.array([19000, None], arrow.date32())
    moments = arrow.array([0, None], arrow.timestamp("ms"))
    numbers = arrow.array([1, None], arrow.int64())
    table = arrow.table({"name": ["ada", "ben"], "n": numbers, "on": days, "at": moments})
    written = io.BytesIO()
    pyarrow.parquet.write_table(table, written)
    return written.getvalue()


def test_a_picture_by_the_camera(form: Page) -> None:
    form.get_by_role("button", name="Camera").click()
    form.get_by_role("button", name="Take the picture").click()
    expect(form.get_by_text("camera.png")).to_be_visible()
    name, width, height = received(form)["picture"]
    assert name == "camera.png"
    assert width > 100
    assert height > 100


def test_sound_by_the_microphone_as_wav(form: Page) -> None:
    form.get_by_role("button", name="Microphone").click()
    form.get_by_role("button", name="Record").click()
    expect(form.get_by_text("1 s")).to_be_visible()
    form.get_by_role("button", name="Stop", exact=True).click()
    expect(form.get_by_text("recording.wav")).to_be_visible()
    media, head = received(form)["sound"]
    assert media == "audio/wav"
    assert head.startswith("RIFF")
    assert head.endswith("WAVE")


def test_a_picture_that_is_pasted(form: Page) -> None:
    zone(form, "Picture").evaluate(GIVE, ["paste", list(PICTURE), "image.png", "image/png"])
    expect(form.get_by_text("image.png")).to_be_visible()
    assert received(form)["picture"] == ["image.png", 64, 64]


def test_a_parquet_file_that_is_dropped_on_a_table(form: Page) -> None:
    zone(form, "Rows").evaluate(GIVE, ["drop", list(parquet()), "people.parquet", ""])
    expect(form.get_by_label("Row 1, name")).to_have_value("ada")
    cell = form.get_by_label("Row 2, n", exact=True)
    cell.fill("7")
    cell.press("Tab")
    columns, rows = received(form)["rows"]
    assert columns == ["name", "n", "on", "at"]
    assert rows == [["ada", 1, "2022-01-08", "1970-01-01T00:00:00.000"], ["ben", 7, None, None]]


def test_a_file_by_its_url_goes_as_a_url_and_what_is_wrong_with_it_stands_there(
    form: Page, server: Server
) -> None:
    sent: list[str | None] = []
    form.on("request", lambda request: sent.append(request.post_data) if request.method == "POST" else None)
    zone(form, "Picture").get_by_role("button", name="By its URL").click()
    form.get_by_label("By its URL").fill(f"{server.url}/ui/assets/x.png")
    form.get_by_role("button", name="Take it").click()
    expect(form.get_by_text(f"{server.url}/ui/assets/x.png")).to_be_visible()
    form.get_by_role("button", name="Run", exact=True).click()
    expect(zone(form, "Picture")).to_have_accessible_description(re.compile("The URL cannot be fetched"))
    assert len(sent) == 1  # to take a URL asks nothing of the model
    assert "x.png" in (sent[0] or "")


def test_dates_and_times(form: Page) -> None:
    form.get_by_label("Day").fill("2026-03-01")
    form.get_by_label("Moment").fill("2026-03-01T12:30:00")
    form.get_by_label("Clock").fill("07:05:09")
    given = received(form)
    assert given["day"] == "01.03.2026"
    local = form.evaluate("() => new Date('2026-03-01T12:30:00').toISOString()")
    assert given["moment"] == local.replace(".000Z", "+00:00")
    assert given["clock"] == "07:05:09"


def fill_scene(page: Page) -> dict[str, Any]:
    """Alternatives in a list, in an object, that is an alternative itself; what comes of it."""
    page.get_by_role("button", name="Fill in: Scene").click()
    scene = page.get_by_role("group", name="Scene").first
    scene.get_by_role("button", name="Add: Parts").click()
    scene.get_by_label("Radius").fill("1.5")
    scene.get_by_role("button", name="Add: Parts").click()
    scene.get_by_role("radio", name="square").last.check()
    scene.get_by_role("textbox", name="Number").fill("2")
    return {"parts": [{"shape": "circle", "radius": 1.5}, {"shape": "square", "side": 2.0}]}


def test_alternatives_within_each_other(form: Page) -> None:
    wanted = fill_scene(form)
    assert received(form)["scene"] == wanted


def test_a_training_takes_the_same(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/receiving/train")
    zone(page, "Rows").evaluate(GIVE, ["drop", list(parquet()), "people.parquet", ""])
    expect(page.get_by_label("Row 1, name")).to_have_value("ada")
    zone(page, "Picture").evaluate(GIVE, ["paste", list(PICTURE), "image.png", "image/png"])
    page.get_by_label("Day", exact=True).fill("2026-03-01")
    wanted = fill_scene(page)
    page.get_by_role("button", name="Start the training").click()
    expect(page.get_by_role("status").get_by_text("succeeded", exact=True)).to_be_visible(
        timeout=START_MILLISECONDS
    )
    result = server.client.get(f"/v2/jobs/{Path(page.url).name}/result").json()
    assert result["picture"] == ["image.png", 64, 64]
    assert result["rows"][0] == ["name", "n", "on", "at"]
    assert result["day"] == "01.03.2026"
    assert result["scene"] == wanted
