"""The rooms of runs and versions: compared, promoted and rolled back by clicks; and very many runs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from serving import MODELS, ROOT, Server, serving, wait_until

RUNS = 10_000
LOADING = 30_000  # milliseconds that a version may need to be loaded and checked, beside other tests
SCRIPT = "<img src=x onerror=alert(1)>"
TEXTS = {"texts": [{"text": "Classifies photographs of birds with a convolutional network."}]}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has taken in very many runs, one of which is called names."""
    folder = tmp_path_factory.mktemp("runs")
    for number in range(RUNS):
        run = folder / f"run-{number:05}"
        run.mkdir()
        params: dict[str, object] = {"steps": number, "optimizer": "adam" if number % 2 else "sgd"}
        scores: dict[str, object] = {"overall": {"accuracy": number / RUNS}}
        if number == RUNS - 1:
            params[SCRIPT] = SCRIPT
            scores[f"{SCRIPT}s"] = {SCRIPT: {SCRIPT: 0.5}}
        (run / "params.json").write_text(json.dumps(params))
        (run / "performance.json").write_text(json.dumps(scores))
    with serving(str(MODELS / "echoes.py"), "--import-runs", str(folder)) as started:
        yield started


def test_ten_thousand_runs_are_sorted_and_filtered_with_few_of_them_in_the_page(
    many: Server, page: Page
) -> None:
    page.goto(f"{many.url}/ui/models/echoes/runs")
    expect(page.get_by_text("10,000 rows")).to_be_visible()
    rows = page.locator("tbody tr")
    assert rows.count() < 60
    steps = page.get_by_role("button", name="steps")
    steps.click()
    expect(rows.first).to_contain_text("run-00000")
    steps.click()
    expect(rows.first).to_contain_text("run-09999")
    page.get_by_role("region", name="Runs").evaluate("table => table.scrollTo(0, table.scrollHeight)")
    expect(page.get_by_role("link", name="run-00000")).to_be_visible()
    assert rows.count() < 60
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("What is compared", exact=True).select_option(label="overall.accuracy")
    page.get_by_label("How it is compared").select_option("≥")
    page.get_by_label("What it is compared with").fill("0.9998")
    expect(page.get_by_text("2 rows")).to_be_visible()
    page.reload()  # the address has the filter and the order
    expect(page.get_by_text("2 rows")).to_be_visible()
    expect(rows.first).to_contain_text("run-09999")


def test_columns_are_chosen_and_kept(many: Server, page: Page) -> None:
    page.goto(f"{many.url}/ui/runs?words=run-0123")
    expect(page.get_by_role("button", name="optimizer")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="optimizer").uncheck()
    page.get_by_role("checkbox", name="Source").check()
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    page.reload()
    expect(page.get_by_role("button", name="Source")).to_be_visible()
    expect(page.get_by_role("button", name="optimizer")).to_have_count(0)


def test_names_and_values_that_hold_html_are_text(many: Server, page: Page) -> None:
    page.goto(f"{many.url}/ui/models/echoes/runs?words=run-0999")
    expect(page.get_by_text("10 rows")).to_be_visible()
    page.get_by_role("button", name="Choose the first 10").click()
    page.get_by_role("button", name="Plots").click()
    expect(page.locator("canvas").first).to_be_visible()
    page.get_by_role("button", name="Table").click()
    page.get_by_role("link", name="Compare 10 runs").click()
    expect(page.get_by_role("cell", name=SCRIPT).first).to_be_visible()
    expect(page.get_by_role("rowheader", name=SCRIPT).first).to_be_visible()
    expect(page.get_by_role("heading", name=f"Performance by {SCRIPT}s")).to_be_visible()
    page.get_by_role("button", name="Show Plots").click()
    expect(page.locator("canvas").first).to_be_visible()
    assert page.locator("img").count() == 0


@pytest.fixture(scope="module")
def tagger() -> Iterator[Server]:
    """A server with two trainings of its model, of which none is live."""
    with serving(str(ROOT / "examples" / "tagger" / "tagger.py")) as started:
        trained(started, epochs=1, threshold=0.99)
        trained(started, epochs=30)
        yield started


def trained(server: Server, **options: float) -> str:
    """The id of a training that has ended well."""
    answer = server.client.post(
        "/v2/models/tagger/train/", params={key: str(value) for key, value in options.items()}
    )
    job = answer.headers["location"]
    with server.client.stream("GET", f"{job}/events", timeout=60) as events:
        events.read()
    assert server.client.get(job).json()["state"] == "succeeded", server.log
    return Path(job).name


@contextmanager
def load(server: Server) -> Iterator[list[int]]:
    """Predicts as long as it is open; what was answered is gathered."""
    answers: list[int] = []
    is_over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not is_over.is_set():
                answers.append(client.post("/v2/models/tagger/predict/", json=TEXTS).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        thread.join()


def test_two_trainings_are_compared_and_one_promoted_under_load_and_rolled_back(
    tagger: Server, page: Page
) -> None:
    page.goto(f"{tagger.url}/ui/models/tagger")
    page.get_by_role("link", name="Runs").last.click()
    expect(page.get_by_text("2 rows")).to_be_visible()
    boxes = page.get_by_role("checkbox", name=re.compile("Choose"))
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    page.get_by_role("link", name="Compare 2 runs").click()
    parameters = page.get_by_role("region", name="Parameters")
    expect(parameters.get_by_role("rowheader")).to_have_text(["epochs", "threshold"])
    expect(page.get_by_role("heading", name="Performance by class")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^loss: a chart"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"^Download.*tagger\.npz"))).to_have_count(2)

    page.get_by_role("link", name="Versions of tagger").click()
    expect(page.get_by_role("heading", name="Version 0 is live")).to_be_visible()
    with load(tagger) as answers:
        promote(page, 2)
        expect(page.get_by_text("Version 2 is live now.")).to_be_visible(timeout=LOADING)
        page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
        refuse(page)
    assert answers
    assert set(answers) == {200}
    expect(page.get_by_role("heading", name="Version 1 is live")).to_be_visible()
    page.get_by_role("button", name="Roll back to version 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back to version 2").click()
    expect(page.get_by_role("heading", name="Version 2 is live")).to_be_visible(timeout=LOADING)
    expect(page.locator("summary", has_text="version 1 → 2")).to_be_visible()
    assert tagger.client.get("/v2/models/tagger/aliases/live").json()["version"] == 2


def promote(page: Page, version: int) -> None:
    page.get_by_role("button", name=f"Make version {version} live").click()
    page.get_by_role("button", name="Check, then make live").click()


def refuse(page: Page) -> None:
    """A version that answers otherwise is refused, and forced."""
    page.get_by_role("button", name="Make version 1 live").click()
    page.get_by_label("Answers that must be the same").fill("100")
    page.get_by_role("button", name="Check, then make live").click()
    expect(page.get_by_text("Version 1 did not become live")).to_be_visible(timeout=LOADING)
    expect(page.get_by_text("it agrees with the live version in 0%")).to_be_visible()
    page.get_by_role("button", name="Make it live all the same").click()
    expect(page.get_by_text("Version 1 is live now.")).to_be_visible(timeout=LOADING)
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()


def test_on_a_telephone_a_version_is_made_live_without_scrolling_to_it(tagger: Server, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{tagger.url}/ui/models/tagger/versions")
    button = page.get_by_role("button", name=re.compile("Make version . live")).first

    def is_within_the_width() -> bool:
        box = button.bounding_box()  # there is none while its row is drawn anew
        return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390

    wait_until(is_within_the_width, lambda: str(button.bounding_box()))


def test_calls_are_spread_and_copies_compared_by_clicks(tagger: Server, page: Page) -> None:
    live = tagger.client.get("/v2/models/tagger/aliases/live").json()["version"]
    other = next(
        one["version"]
        for one in tagger.client.get("/v2/models/tagger/versions").json()["versions"]
        if one["version"] != live
    )
    page.goto(f"{tagger.url}/ui/models/tagger/versions")
    page.get_by_label(f"Share of version {other}").fill("25")
    page.get_by_label("Copies to").select_option(str(other))
    page.get_by_role("button", name="Spread the calls so").click()
    expect(page.get_by_role("img", name=f"version {other}: 25 %")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Version {other} beside {live}")).to_be_visible()
    with load(tagger):  # the shadow gets copies once it is loaded
        expect(page.get_by_text("of its answers are the same")).to_be_visible(timeout=LOADING)
    page.get_by_role("button", name="All to the live version").click()
    expect(page.get_by_role("heading", name=f"Version {other} beside {live}")).to_have_count(0)
    assert tagger.client.get("/v2/models/tagger/traffic").json()["weights"] == {}
