"""Models as cards, and the room of operations: what they tell by themselves, and to whom."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import Page, expect
from serving import MODELS, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

ECHO = f"echo={MODELS / 'echoes.py'}:Echo"
SLOW = f"slow={MODELS / 'slow_to_load.py'}:Slow"
TALKS = f"talks={MODELS / 'talking.py'}:Talking"


def reading_key(data: Path) -> str:
    wanted = {"name": "reader", "scopes": ["read"], "models": None, "expires": None}
    return DatabaseKeys(Settings(data_dir=str(data))).create(wanted)["key"]


def test_a_card_tells_by_itself_that_its_model_is_loaded_and_how_much_it_is_asked(
    page: Page, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with serving(SLOW, wait=False, GATE=str(gate)) as server:
        page.goto(server.url)
        card = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="slow"))
        expect(card.get_by_text("Loading")).to_be_visible()
        expect(card.get_by_text("waits for its workers, which load it")).to_be_visible()
        gate.touch()
        expect(card.get_by_text("Ready", exact=True)).to_be_visible()
        expect(card.get_by_text("As its source has it")).to_be_visible()
        expect(card.get_by_text(re.compile(r"^0 requests a minute"))).to_be_visible()
        for number in range(5):
            answer = server.client.post("/v2/models/slow/predict", json={"text": f"card {number}"})
            assert answer.status_code == 200, answer.text
        expect(card.get_by_text(re.compile(r"[1-9].* requests a minute"))).to_be_visible()
        card.get_by_role("link").click()
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()


def test_the_room_of_a_model_says_what_it_waits_for_or_why_it_failed(page: Page, tmp_path: Path) -> None:
    gate, broken = tmp_path / "gate", tmp_path / "broken.py"
    broken.write_text("raise ValueError('the weights are <b>missing</b>')")
    with serving(SLOW, f"broken={broken}", wait=False, GATE=str(gate)) as server:
        page.goto(f"{server.url}/ui/models/broken")
        expect(page.get_by_text("Failed", exact=True)).to_be_visible()
        expect(page.get_by_text("the weights are <b>missing</b>")).to_be_visible()
        page.goto(f"{server.url}/ui/models/slow")
        expect(page.get_by_text("waits for its workers, which load it")).to_be_visible()
        gate.touch()
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()  # by itself


def test_drift_is_drawn_beside_what_the_training_had(page: Page, tmp_path: Path) -> None:
    risk = f"risk={MODELS / 'monitored.py'}:Risk"
    with serving(risk, "--log-payloads", "1", "--data-dir", str(tmp_path)) as server:
        job = server.client.post("/v2/models/risk/train/").headers["location"]
        assert server.client.get(f"{job}/log", params={"follow": "1"}, timeout=60).status_code == 200
        made = server.client.put("/v2/models/risk/aliases/live", json={"version": 1}, timeout=60)
        assert made.status_code == 200, made.text
        for number in range(60):
            row = {"amount": 150.0 + number, "colour": ("red", "blue", "green")[number % 3]}
            assert server.client.post("/v2/models/risk/predict/", json=row).status_code == 200
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{server.url}/ui/operations/risk")
        page.get_by_role("button", name="Make a report").click()
        amount = page.get_by_role("figure").filter(has_text="amount")
        expect(amount.get_by_text("drift", exact=True)).to_be_visible()
        expect(amount.get_by_text(re.compile(r"PSI \d.*out of range"))).to_be_visible()
        bar = amount.locator("rect.now").last
        wait_until(lambda: bar.evaluate("bar => bar.height.baseVal.value") > 50, lambda: "a flat bar")
        colour = page.get_by_role("figure").filter(has_text="colour")
        expect(colour.get_by_text("no drift")).to_be_visible()
        for name in ("red", "blue", "green"):
            expect(colour.get_by_text(name, exact=True)).to_be_visible()
        page.goto(f"{server.url}/ui/operations")
        expect(page.get_by_role("link", name="risk")).to_be_visible()
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")  # tables scroll within


def test_operations_show_what_a_model_does_its_log_and_how_it_is_loaded(page: Page) -> None:
    with serving(TALKS, ECHO) as server:
        page.goto(f"{server.url}/ui/operations")
        expect(page.get_by_text("Every model can answer")).to_be_visible()
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name="talks"))
        expect(row.get_by_text("1 of 1")).to_be_visible()
        for number in range(5):
            answer = server.client.post("/v2/models/talks/predict", json={"text": f"said {number} <b>x</b>"})
            assert answer.status_code == 200, answer.text
        expect(row.get_by_text(re.compile(r"\d ms")).first).to_be_visible()
        row.get_by_role("link", name="talks").click()
        expect(page.get_by_role("heading", name="talks")).to_be_visible()
        expect(page.get_by_text("written said 4 <b>x</b>")).to_be_visible()
        assert server.client.post("/v2/models/talks/predict", json={"text": "live"}).status_code == 200
        expect(page.get_by_text("written live")).to_be_visible()
        expect(page.locator("canvas")).to_have_count(4)
        page.get_by_role("button", name="Make a report").click()
        expect(page.get_by_text("This server keeps no predictions of this model")).to_be_visible()
        page.get_by_role("button", name="Unload talks").click()
        page.get_by_role("dialog").get_by_role("button", name="Unload").click()
        expect(page.get_by_text("It has no workers now.")).to_be_visible()
        page.get_by_role("button", name="Load talks").click()
        expect(page.get_by_role("button", name="Unload talks")).to_be_visible()


def test_who_may_only_read_sees_no_buttons_and_no_log(page: Page, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:  # in this one playwright has its event loop
        headers = {"authorization": f"Bearer {thread.submit(reading_key, tmp_path).result()}"}
    with serving(ECHO, "--auth", "on", "--data-dir", str(tmp_path)) as server:
        ask = server.client.get
        wait_until(lambda: ask("/v2/me", headers=headers).status_code == 200, lambda: server.log)
        page.set_extra_http_headers(headers)
        page.goto(f"{server.url}/ui/operations")
        page.get_by_role("link", name="echo").click()
        expect(page.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name="Drift")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("oad"))).to_have_count(0)
        expect(page.get_by_role("heading", name="Log", exact=True)).to_have_count(0)
