"""All that strangers can write stands in every room as text: nothing of it runs, or becomes an element."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect
from serving import MODELS, Server, serving
from user_site import PASSWORD, client_of, link_of, logged_in

sys.path.insert(0, str(MODELS))

from harm import ELEMENT, HARM, LINK, NAME, PAGE

SOURCES = (
    f"hostile={MODELS / 'hostile.py'}:Hostile",
    f"failing={MODELS / 'failing_words.py'}",
    *(
        f"{name}={MODELS / 'answering.py'}:{name.capitalize()}"
        for name in ("answering", "zipping", "telling", "publishing")
    ),
)
LOADING = 30_000  # milliseconds that a version may need to be loaded and checked, beside other tests
# What is there if any of the words has become more than text; what is drawn may hold pictures of its own.
MADE = ", ".join(
    (
        *(ELEMENT, "[onerror]", "[onload]", "[srcdoc]", "iframe", "object", "embed", "script:not([src])"),
        'img[src="x"]',
        *(f'[*|{name}*="javascript:" i]' for name in ("href", "src", "action", "formaction", "data")),
    )
)
FIND = "selector => [...document.querySelectorAll(selector)].map(one => one.outerHTML)"


class Visit:
    """Somebody who may do all, and looks into every room."""

    def __init__(self, server: Server, page: Page):
        self.server = server
        self.page = page
        self.wrong: list[str] = []
        page.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: self.wrong.append(popup.url))
        page.on("request", self._look)

    def _look(self, request: Request) -> None:
        """Nothing is asked of others, nor the picture that the words would have."""
        is_own = request.url.startswith((self.server.url, "data:", "blob:"))
        if not is_own or request.url.endswith("/x"):
            self.wrong.append(request.url)

    def see(self, path: str, *texts: str | re.Pattern[str]) -> Page:
        """Go there. Fails unless these texts are to be seen, and nothing else was made of them."""
        self.page.goto(self.server.url + path)
        return self.check(*texts)

    def check(self, *texts: str | re.Pattern[str]) -> Page:
        for text in texts:
            expect(self.page.get_by_text(text).first).to_be_visible()
        where = self.page.url
        assert self.page.evaluate("() => window.harmed ?? document.title.includes('harmed')") is False, where
        assert not self.page.evaluate(FIND, MADE), where
        assert not self.wrong, where
        return self.page


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    """A server full of such words, whose administrator is called so, too."""
    with serving(*SOURCES, "--auth", "on", "--workers", "1", "--job-workers", "1", wait=False) as started:
        page = browser.new_page()
        page.goto(f"{started.url}/v2/setup#{link_of(started)}")
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Make the administrator").click()
        expect(page.get_by_text(f"{NAME} is an administrator now")).to_be_visible()
        assert not page.evaluate(FIND, MADE)
        page.close()
        yield started


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[httpx.Client]:
    """Programs of the same one, who has made a user and a key."""
    with client_of(server, logged_in(server, NAME)["access_token"]) as client:
        server.wait_for_log("hostile: .*ready|'hostile'.*ready|ready after")
        other = {"name": f"{NAME}2", "password": PASSWORD, "role": "user", "models": ["hostile"]}
        made = client.post("/v2/users", json=other)
        assert made.status_code == 201, made.text
        made = client.post("/v2/keys", json={"name": HARM[:200], "scopes": ["predict"]})
        assert made.status_code == 201, made.text
        assert client.post("/v2/models/hostile/predict", json={"words": HARM}).status_code == 200
        yield client


@pytest.fixture(scope="module")
def jobs(admin: httpx.Client) -> list[str]:
    """The ids of two trainings that went well, and of one that has failed."""
    begun: list[str] = []
    for asked in ({"words": HARM}, {"words": LINK}, {"words": HARM, "fails": True}):
        answer = admin.post("/v2/models/hostile/train/", json=asked)
        assert answer.status_code == 200, answer.text
        begun.append(answer.json()["uuid"])
    for job in begun:
        admin.get(f"/v2/jobs/{job}/log", params={"follow": "1"}, timeout=60).raise_for_status()
    assert [admin.get(f"/v2/jobs/{job}").json()["state"] for job in begun] == [
        "succeeded",
        "succeeded",
        "failed",
    ]
    return begun


@pytest.fixture
def visit(server: Server, admin: httpx.Client, page: Page) -> Visit:
    return entered(Visit(server, page), NAME)


def entered(visit: Visit, name: str) -> Visit:
    """The same, logged in."""
    page = visit.see("/ui/models")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    return visit


def test_a_model_its_form_and_what_it_refuses(visit: Visit) -> None:
    visit.see("/ui/models", HARM)  # also why another model cannot be loaded
    page = visit.see("/ui/models/hostile", HARM, NAME)
    expect(page.get_by_label(NAME, exact=True).first).to_have_value(HARM)
    page.get_by_role("button", name="Fill in").click()
    page.get_by_role("button", name=HARM, exact=True).click()  # the example
    answer = page.get_by_role("region", name="The answer")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer).to_contain_text(NAME)
    visit.check()
    page.get_by_role("tab", name="As JSON").or_(page.get_by_role("button", name="As JSON")).first.click()
    expect(answer.get_by_role("tree")).to_contain_text(NAME)
    for number in ("2", "3"):
        page.get_by_label(f"{NAME} number").fill(number)
        page.get_by_role("button", name="Run", exact=True).click()
        visit.check()
    values = quote(f'{{"words": "{LINK}", "{ELEMENT}": 1, "choice": "<{ELEMENT}>"}}')
    page = visit.see(f"/ui/models/hostile?x={quote(NAME)}#values={values}")
    expect(page.get_by_label(NAME, exact=True).first).to_have_value(LINK)
    visit.see(f"/ui/models/{quote(NAME)}")
    visit.see(f"/ui/{quote(NAME)}")
    visit.see(f"/ui/jobs?model={quote(NAME)}&state={quote(NAME)}&cursor={quote(NAME)}")


PLOTS = ("vega", "vega-lite", "plotly", "heatmap")
KINDS = ("labels", "boxes", "table", *PLOTS, "svg", "html", "tree", "facts", "names", "files", "refused")


def test_answers_of_every_kind(visit: Visit) -> None:
    page = visit.see("/ui/models/answering")
    answer = page.get_by_role("region", name="The answer")
    for kind in KINDS:
        page.get_by_label("Kind").select_option(label=kind)
        page.get_by_role("button", name="Run", exact=True).click()
        expect(shown(answer, kind)).to_be_visible()
        visit.check()
        if (as_json := answer.get_by_role("button", name="As JSON")).count():
            as_json.click()
            expect(answer.get_by_role("tree")).to_be_visible()
            visit.check()
    page = visit.see("/ui/models/zipping")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer.get_by_text(HARM)).to_be_visible()
    visit.check(re.compile(re.escape(NAME)))
    page = visit.see("/ui/models/telling")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer.get_by_role("log")).to_have_text(f"{HARM} word word ")
    visit.check()
    page = visit.see("/ui/models/publishing")
    for media, words in (("text/html", PAGE), ("image/svg+xml", ""), ("application/xhtml+xml", PAGE)):
        page.get_by_label("Accept").select_option(label=media)
        page.get_by_role("button", name="Run", exact=True).click()
        picture = answer.get_by_role("img", name="Picture: publishing")
        expect(answer.get_by_text(words) if words else picture).to_be_visible()
        visit.check()


def shown(answer: Locator, kind: str) -> Locator:
    """Where an answer of this kind stands, once it is there."""
    if kind in PLOTS:
        return answer.get_by_role("img", name="Plot: answering").locator("canvas, .main-svg").first
    if kind == "svg":
        return answer.get_by_role("img", name="Picture: answering")
    return answer.get_by_text(NAME).first


def test_a_job_in_all_its_parts(visit: Visit, jobs: list[str]) -> None:
    visit.see("/ui/jobs")
    page = visit.see(f"/ui/jobs/{jobs[1]}", LINK, NAME)
    log = page.get_by_role("region", name="The log of the job")
    expect(log.locator(".ink-1").get_by_text(NAME)).to_have_count(2)
    page.get_by_role("searchbox", name="Search the log").fill(NAME)
    shows = page.get_by_role("button", name=re.compile("^Show: "))
    expect(shows.first).to_be_visible()
    for button in shows.all():
        button.click()
    expect(page.get_by_role("img", name=re.compile("picture")).first).to_be_visible()
    expect(page.get_by_text(PAGE).first).to_be_visible()
    page.get_by_role("combobox", name="Compare with").select_option(index=1)
    expect(page.get_by_role("row", name=re.compile("^words")).first).to_be_visible()
    page.get_by_text("As a table").first.click()
    visit.check()
    visit.see(f"/ui/jobs/{jobs[2]}", f"ValueError: {HARM}")
    page.get_by_role("link", name="Train with other arguments").click()
    expect(page.get_by_role("textbox", name=NAME, exact=True)).to_have_value(HARM)
    visit.check()


def test_runs_versions_operations_and_people(visit: Visit, jobs: list[str]) -> None:
    page = visit.see("/ui/models/hostile/runs", "2 rows")
    boxes = page.get_by_role("checkbox", name=re.compile("Choose"))
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Plots").click()
    expect(page.locator("canvas").first).to_be_visible()
    visit.check()
    page.get_by_role("button", name="Table").click()
    page.get_by_role("link", name="Compare 2 runs").click()
    expect(page.get_by_role("cell", name=LINK).first).to_be_visible()
    visit.check(NAME)
    page = visit.see("/ui/models/hostile/versions")
    page.get_by_role("button", name=re.compile("Make version 1 live")).click()
    page.get_by_role("button", name="Check, then make live").click()
    expect(page.get_by_text("Version 1 did not become live")).to_be_visible(timeout=LOADING)
    visit.check(f"500 {NAME}")
    visit.see("/ui/operations", HARM)
    visit.see("/ui/operations/failing", HARM)
    visit.see("/ui/operations/hostile", NAME)
    visit.see("/ui/people/keys", HARM[:100])
    visit.see("/ui/people/users", f"{NAME}2")
    visit.see("/ui/people/audit", NAME)
    visit.see("/ui/people/usage", NAME)
    visit.see("/ui/people/me", NAME)


def test_the_pages_of_the_documents(server: Server, admin: httpx.Client, page: Page) -> None:
    visit = entered(Visit(server, page), f"{NAME}2")  # who may see one model: the pages are slow with many
    visit.see("/docs")
    page.locator(".opblock", has_text="/hostile/predict").first.click()
    visit.check(NAME)
    visit.page.goto(f"{server.url}/redoc")
    expect(visit.page.get_by_role("heading", name="hostile", exact=False).first).to_be_visible()
    visit.check()


def published(client: httpx.Client, media: str) -> str:
    """The path of what a job has answered, which is of this type."""
    headers = {"prefer": "respond-async", "accept": media}
    job = client.post("/v2/models/publishing/predict", json={}, headers=headers).headers["location"]
    with client.stream("GET", f"{job}/events", timeout=60) as events:
        events.read()
    return f"{job}/result"


def test_a_page_of_a_strangers_that_is_opened_by_its_address_runs_nothing(
    server: Server, admin: httpx.Client, visit: Visit, jobs: list[str], browser: Browser
) -> None:
    pages = [published(admin, media) for media in ("text/html", "image/svg+xml", "application/xhtml+xml")]
    ran: list[str] = []
    with browser.new_context(storage_state=visit.page.context.storage_state()) as context:
        page = context.new_page()
        page.on("request", lambda request: ran.append(request.url) if "ran" in request.url else None)
        for path in pages:
            page.goto(server.url + path)
            page.wait_for_load_state("networkidle")
    assert not ran
    files = [one["href"] for one in admin.get(f"/v2/jobs/{jobs[0]}/artifacts/").json()["artifacts"]]
    plain = [f"/v2/jobs/{jobs[0]}/log", f"/v2/jobs/{jobs[0]}/metrics?format=csv", "/v2/models/hostile/log"]
    assert len(files) > 4
    for path in (*pages, *files, *plain):
        headers = admin.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["content-security-policy"] == "sandbox", path
    for path in files:
        assert admin.get(path).headers["content-disposition"].startswith("attachment"), path
    for media in ("text/html", "image/svg+xml"):
        headers = admin.post("/v2/models/publishing/predict", json={}, headers={"accept": media}).headers
        assert headers["content-type"].startswith(media)
        assert headers["content-security-policy"] == "sandbox"
        assert headers["x-content-type-options"] == "nosniff"
