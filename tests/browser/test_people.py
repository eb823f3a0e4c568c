"""Who uses the page: logging in, keys, users, the audit; and what is hidden from whom."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from serving import Server, serving
from user_site import MODEL, PASSWORD, first_admin


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server that asks who asks, and has one user: anna, an administrator."""
    with serving(MODEL, "--auth", "on", "--rate", "6000/m", "--bytes-per-day", "5000000000") as server:
        assert first_admin(server).status_code == 201
        yield server


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def asked(server: Server, key: str) -> int:
    headers = {"x-api-key": key}
    return httpx.post(
        f"{server.url}/v2/models/echo/predict", json={"number": 1}, headers=headers, timeout=60.0
    ).status_code


def test_an_administrator_makes_and_revokes_a_key(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/people/keys")
    log_in(page, "anna", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    log_in(page, "anna")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("<b>shop</b>")
    page.get_by_role("button", name="Make").click()
    shown = page.get_by_role("dialog").get_by_text(re.compile("^mpk_"))
    key = shown.inner_text()
    page.keyboard.press("Escape")
    assert asked(guarded, key) == 200
    page.get_by_role("button", name="Revoke: <b>shop</b>").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The key <b>shop</b> is revoked.")).to_be_visible()
    expect(page.get_by_text("revoked", exact=True)).to_be_visible()
    assert asked(guarded, key) == 401
    page.get_by_role("link", name="Models").click()  # who administrates may do all
    page.get_by_role("link", name="echo", exact=True).click()
    for tab in ("Try it", "Runs", "Versions", "Operations"):
        expect(page.get_by_role("link", name=tab).first).to_be_visible()
    page.get_by_role("link", name="People").click()
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_text("keys.revoke").first).to_be_visible()


def test_a_user_is_made_sees_no_more_than_they_may_and_is_shut_out(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/people/users")
    log_in(page, "anna")
    page.get_by_role("button", name="New user").click()
    page.get_by_label("Name").fill("ben")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_role("button", name="Change: ben")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    log_in(page, "ben")
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("link", name="echo", exact=True)).to_be_visible()
    page.get_by_role("link", name="People").click()
    expect(page.get_by_role("link", name="You", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Keys")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    log_in(page, "anna")
    page.get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("button", name="Shut out: ben").click()
    expect(page.get_by_text("ben is shut out.")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    log_in(page, "ben")
    expect(page.get_by_role("alert")).to_be_visible()


MAKE_KEY = """(scope) => fetch('/v2/keys', {
    method: 'POST', headers: {'content-type': 'application/json'},
    body: JSON.stringify({name: 'code', scopes: [scope]}),
}).then(answer => answer.json()).then(made => made.key)"""


def test_a_call_as_code_has_a_key_by_its_variable_alone(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/models/echo#values={json.dumps({'number': 3})}")
    log_in(page, "anna")
    page.get_by_role("button", name="As code").click()
    code = page.get_by_role("dialog").locator("pre").inner_text()
    assert '"Authorization: Bearer $MODELPORT_KEY"' in code
    variables = os.environ | {"MODELPORT_KEY": page.evaluate(MAKE_KEY, "predict")}
    done = subprocess.run(
        ["bash", "--norc", "-c", code], env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == {"number": 3, "text": ""}


def test_who_may_only_read_has_no_button_to_run(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/models")
    log_in(page, "anna")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    key = page.evaluate(MAKE_KEY, "read")
    page.get_by_role("button", name="Log out").click()
    page.set_extra_http_headers({"X-API-Key": key})
    page.goto(f"{guarded.url}/ui/models/echo")
    expect(page.get_by_text("You may see this model, but not ask it.")).to_be_visible()
    expect(page.get_by_role("button", name="Begin anew")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Run"))).to_have_count(0)


def test_calls_are_seen_by_who_made_them_alone(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/models/echo#values={json.dumps({'number': 3})}")
    log_in(page, "anna")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Your calls")).to_be_visible()
    page.context.clear_cookies()  # as when a session has ended
    page.reload()
    log_in(page, "anna")
    expect(page.get_by_text("Your calls")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.wait_for_function("() => localStorage.getItem('modelport.calls').includes('\"calls\":[]')")
    log_in(page, "anna")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    expect(page.get_by_text("Your calls")).to_have_count(0)


def test_one_sees_ones_limits_and_what_is_left_of_them(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/people/me")
    log_in(page, "anna")
    expect(page.get_by_text("You are anna, and may admin with all models.")).to_be_visible()
    words = re.compile(r"^Requests: 5,9\d\d of 6,000 left in a minute; all again in \d+ s$")
    meter = page.get_by_role("meter", name=words)
    expect(meter).to_be_visible()
    expect(meter).to_have_attribute("aria-valuenow", re.compile("9[0-9]"))
    expect(page.get_by_role("meter", name=re.compile("of 5 GB left in a day"))).to_be_visible()
    expect(page.get_by_role("meter")).to_have_count(2)


def test_what_was_typed_is_there_after_another_tab_and_after_a_log_in_for_who_typed_it(
    guarded: Server, page: Page
) -> None:
    page.goto(f"{guarded.url}/ui/models/echo")
    log_in(page, "anna")
    number = page.get_by_label("Number", exact=True)
    number.fill("42")
    page.get_by_role("link", name="Versions").click()
    expect(number).to_have_count(0)
    page.get_by_role("link", name="Try it").click()
    expect(number).to_have_value("42")
    number.fill("43")
    page.context.clear_cookies()  # as when a session has ended
    page.get_by_role("button", name="Run", exact=True).click()
    log_in(page, "anna")
    expect(number).to_have_value("43")
    page.get_by_role("button", name="Begin anew").click()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="Try it").click()
    expect(number).to_have_value("0")


def test_a_job_says_by_name_who_asked_for_it(guarded: Server, page: Page) -> None:
    page.goto(f"{guarded.url}/ui/models/echo")
    log_in(page, "anna")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    key = page.evaluate(MAKE_KEY, "predict")
    headers = {"x-api-key": key, "prefer": "respond-async"}
    other = httpx.post(
        f"{guarded.url}/v2/models/echo/predict", json={"number": 1}, headers=headers, timeout=60.0
    )
    assert other.status_code == 202, other.text
    page.get_by_role("button", name="Run in background").click()
    by = page.get_by_role("definition").filter(has_text=re.compile("^anna$"))
    expect(by).to_be_visible()
    page.goto(f"{guarded.url}{other.headers['location'].replace('/v2/', '/ui/')}")
    expect(page.get_by_role("definition").filter(has_text=re.compile("^code$"))).to_be_visible()
    page.goto(f"{guarded.url}/ui/jobs")
    expect(page.get_by_role("cell", name="anna", exact=True).first).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("^(user|key):"))).to_have_count(0)
