"""A model that chats has a form as any other, as a real Chromium shows it."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from serving import serving


def test_a_model_that_chats_is_asked_by_its_form(page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with serving("chats=text_models:Chats") as server:
        page.goto(f"{server.url}/ui/models/chats")
        page.get_by_role("button", name="A greeting").click()
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_text("The answer is complete")).to_be_attached()
        for word in ("hello", "there", "completion_tokens"):
            expect(page.get_by_text(word, exact=True).last).to_be_visible()
    assert errors == []
