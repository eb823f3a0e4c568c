"""Work that one can watch: trainings begun by clicks, log and curves, a server that is killed meanwhile."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect
from serving import MODELS, ROOT, Server, serving, wait_until

TAGGER = str(ROOT / "examples/tagger/tagger.py")
DIGITS = str(ROOT / "examples/digits/digits.py")
LINES = 100_000
START_MILLISECONDS = 60_000
EPOCHS = re.compile("^epochs$", re.IGNORECASE)
MARKUP = "<img src=x onerror=alert(1)> <script>alert(2)</script>"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    models = (f"tagger={TAGGER}", f"printing={MODELS / 'printing.py'}")
    with serving(*models, "--job-workers", "2") as started:
        yield started


def begun(server: Server, model: str, **arguments: str | int) -> str:
    """The id of a training that has begun."""
    answer = server.client.post(f"/v2/models/{model}/train/", params=arguments)
    answer.raise_for_status()
    return answer.headers["location"].rpartition("/")[2]


def ended(page: Page, state: str = "succeeded") -> None:
    expect(page.get_by_role("status").get_by_text(state, exact=True)).to_be_visible(
        timeout=START_MILLISECONDS
    )


def test_a_tagger_is_trained_twice_by_clicks_and_compared(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/tagger")
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("textbox", name=EPOCHS).fill("5")
    page.get_by_role("button", name="Start the training").click()
    expect(page.get_by_role("heading", name="tagger: training")).to_be_visible()
    ended(page)
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("aria-valuenow", "100")
    expect(page.get_by_text("epoch 5: loss")).to_be_visible()
    page.get_by_role("link", name="Train with other arguments").click()
    epochs = page.get_by_role("textbox", name=EPOCHS)
    expect(epochs).to_have_value("5")
    epochs.fill("0")
    page.get_by_role("button", name="Start the training").click()
    expect(epochs).to_have_attribute("aria-invalid", "true")
    epochs.fill("8")
    page.get_by_role("button", name="Start the training").click()
    ended(page)
    page.get_by_role("combobox", name="Compare with").select_option(index=1)
    row = page.get_by_role("row", name=re.compile("^epochs"))
    expect(row.get_by_role("cell")).to_have_text(["8", "5", ""])
    expect(page.get_by_role("button", name="loss (before)")).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("columnheader", name="loss", exact=True)).to_be_visible()


def test_a_log_of_100_000_lines_is_looked_through_with_few_of_them_in_the_page(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/ui/jobs/{begun(server, 'printing', lines=LINES, text=MARKUP)}")
    ended(page)
    expect(page.get_by_text("100,001 lines")).to_be_visible()
    log = page.get_by_role("region", name="The log of the job")
    expect(log.get_by_text(MARKUP)).to_be_visible()  # it follows the end
    log.evaluate("box => box.scrollTop = 0")
    expect(log.get_by_text(f"step 1 of {LINES}", exact=True)).to_be_visible()
    page.get_by_role("searchbox", name="Search the log").fill("step 77777 ")
    expect(page.get_by_text("1 of 1", exact=True)).to_be_visible()
    expect(log.get_by_text(f"step 77777 of {LINES}", exact=True)).to_be_visible()
    assert log.evaluate("box => box.querySelectorAll('.line').length") < 200


def test_what_a_job_has_kept_is_shown_as_what_it_is(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/jobs/{begun(server, 'printing', lines=3)}")
    ended(page)
    for name in ("note.txt", "picture.svg", "rows.csv"):
        page.get_by_role("button", name=f"Show: {name}").click()
    expect(page.get_by_text("<b>kept</b>")).to_be_visible()
    expect(page.get_by_role("img", name="Picture: picture")).to_have_attribute("src", re.compile("^blob:"))
    expect(page.get_by_role("cell", name="cat, black")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download: rows.csv").click()
    assert download.value.suggested_filename == "rows.csv"


def test_a_job_is_called_off_once_that_is_confirmed_and_found_by_its_state(
    server: Server, page: Page
) -> None:
    job = begun(server, "tagger", epochs=500)
    page.goto(f"{server.url}/ui/jobs")
    page.locator(f"a[href$='{job}']").click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_role("dialog").get_by_role("button", name="Let it run").click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    ended(page, "cancelled")
    page.get_by_role("main").get_by_role("link", name="Jobs").click()
    page.get_by_label("State").select_option("cancelled")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator(f"a[href$='{job}']")).to_be_visible()


def test_a_job_that_is_not_there_is_said_to_be_none_with_a_way_to_all(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/jobs/{'0' * 32}")
    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
    page.get_by_role("link", name="All jobs").click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


def test_who_leaves_a_job_leaves_nothing_open(server: Server, page: Page) -> None:
    def connections() -> int:
        found = re.search(
            r"^modelport_http_connections (\d+)", server.client.get("/metrics").text, re.MULTILINE
        )
        assert found is not None
        return int(found[1])

    def is_stream(request: Request) -> bool:
        return request.url.endswith("/events")

    before = connections()
    job = begun(server, "tagger", epochs=500)
    with page.expect_request(is_stream):
        page.goto(f"{server.url}/ui/jobs/{job}")
    expect(page.locator(".line").first).to_be_visible(timeout=START_MILLISECONDS)
    with page.expect_event("requestfailed", is_stream):  # it was given up
        page.get_by_role("main").get_by_role("link", name="Jobs").click()
    page.go_back()
    expect(page.get_by_role("button", name="Follow")).to_be_visible()
    page.context.close()
    wait_until(lambda: connections() <= before, lambda: f"{connections()} connections, {before} before")
    server.client.delete(f"/v2/jobs/{job}")


@pytest.mark.slow
def test_the_page_goes_on_by_itself_after_the_server_was_killed(page: Page, tmp_path: Path) -> None:
    own = {"MODELPORT_DATA_DIR": str(tmp_path)}
    with serving(DIGITS, **own) as first:
        port = first.url.rpartition(":")[2]
        page.goto(f"{first.url}/ui/jobs/{begun(first, 'digits', epochs=25)}")
        expect(page.get_by_text("epoch 2: loss")).to_be_visible(timeout=START_MILLISECONDS)
        first.stop(signal.SIGKILL)
    expect(page.get_by_text("The page goes on from here when it is back.")).to_be_visible()
    page.get_by_role("link", name="Operations").click()  # a room that was not loaded
    expect(page.get_by_text("the server does not answer").first).to_be_visible()
    with serving(DIGITS, "--port", port, wait=False, **own):
        ended(page)
        expect(page.get_by_text("epoch 25: loss")).to_be_visible()
        expect(page.get_by_text("2 of 3", exact=True)).to_be_visible()  # the attempt
        expect(page.get_by_text("The page goes on from here when it is back.")).to_have_count(0)
        said = page.locator(".line .text").filter(has_text=re.compile("^going on after epoch"))
        expect(said.first).to_be_attached()
        page.get_by_role("link", name="Operations").click()
        expect(page.get_by_role("heading", name="Operations")).to_be_visible()
