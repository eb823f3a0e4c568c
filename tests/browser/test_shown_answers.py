"""Answers on the page look like what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from samples import PASTE
from serving import MODELS, ROOT, Server, serving

DIGIT = ROOT / "examples/digits/pictures/7.png"
FLOWERS = "sepal_length\tsepal_width\tpetal_length\tpetal_width\n5.1\t3.5\t1.4\t0.2\n6.5\t3.0\t5.8\t2.2\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    examples = [str(ROOT / f"examples/{name}/{name}.py") for name in ("digits", "iris", "generator")]
    models = [f"{name}={MODELS / 'answering.py'}:{name.capitalize()}" for name in ("answering", "reading")]
    with serving(*examples, *models, wait=False) as started:
        started.wait_settled()
        yield started


def test_digits_are_bars_an_annotated_picture_and_a_zip_of_both(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/digits")
    page.locator("input[type=file]").first.set_input_files(DIGIT)
    answer = page.get_by_role("region", name="Answer")
    page.get_by_role("button", name="Run", exact=True).click()
    bars = answer.get_by_role("list", name="Labels, the likeliest first")
    expect(bars.get_by_role("listitem").first).to_contain_text("7")
    expect(bars.get_by_role("listitem").first).to_contain_text("%")
    answer.get_by_role("button", name="As JSON").click()
    expect(answer.get_by_role("tree")).to_contain_text("predictions")
    page.get_by_label("image/png").check()
    page.get_by_role("button", name="Run", exact=True).click()
    picture = answer.get_by_role("img", name="Picture: digits")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 8
    page.get_by_label("application/zip").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer.get_by_role("button", name="annotated.png")).to_be_visible()
    expect(answer.get_by_role("list", name="Labels, the likeliest first")).to_be_visible()


def test_a_table_of_flowers_is_answered_by_a_column_that_sorts_and_downloads(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/ui/models/iris")
    zone = page.get_by_role("group", name="Flowers: drop a CSV or Parquet file, or paste a table here")
    zone.evaluate(PASTE, FLOWERS)
    page.get_by_role("button", name="Run", exact=True).click()
    answer = page.get_by_role("region", name="Answer")
    species = answer.locator("tbody tr td:first-child")
    expect(species).to_have_text(["setosa", "virginica"])
    head = answer.get_by_role("columnheader", name="species")
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(species).to_have_text(["virginica", "setosa"])
    with page.expect_download() as waited:
        answer.get_by_role("button", name="Download CSV").click()
    lines = waited.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("species,probability,probabilities.setosa")
    assert [line.split(",")[0] for line in lines[1:]] == ["virginica", "setosa"]


def test_a_stream_shows_its_pieces_as_they_come_and_stops(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/generator")
    page.get_by_label("Length").last.fill("1000000")
    page.get_by_role("button", name="Run", exact=True).click()
    answer = page.get_by_role("region", name="Answer")
    text = answer.get_by_role("log")
    expect(text).to_contain_text(" ")
    early = len(text.inner_text())
    expect(answer.get_by_role("button", name="Stop")).to_be_visible()  # it is still written
    page.wait_for_function(
        "([log, early]) => log.innerText.length > early", arg=[text.element_handle(), early]
    )
    answer.get_by_role("button", name="Stop").click()
    expect(answer.get_by_role("status")).to_have_text("Stopped")
    with page.expect_download() as waited:
        answer.get_by_role("button", name="Download").click()
    assert len(waited.value.path().read_text()) > early


def test_only_the_rows_in_sight_of_a_long_table_are_there(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/answering")
    page.get_by_label("Kind").select_option(label="table")
    page.get_by_role("button", name="Run", exact=True).click()
    answer = page.get_by_role("region", name="Answer")
    table = answer.get_by_role("table")
    expect(table).to_have_attribute("aria-rowcount", "10001")
    assert answer.locator("tbody tr").count() < 60
    answer.get_by_role("region", name="Table: answering").press("End")
    expect(table.get_by_text("9,999", exact=True)).to_be_visible()


def test_what_a_model_wants_to_be_seen_first_stands_first(server: Server, page: Page) -> None:
    signature = httpx.get(f"{server.url}/v2/models/reading/signature", timeout=60.0).json()
    assert signature["verbs"]["predict"]["layout"]["first_output"] == "verdict"
    page.goto(f"{server.url}/ui/models/reading")
    page.get_by_role("button", name="Run", exact=True).click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer.get_by_role("heading", level=3)).to_have_text(["verdict", "scores", "words"])
    expect(answer).to_contain_text(
        re.compile("It is spam.*seconds.*80 %.*win", re.DOTALL), use_inner_text=True
    )
