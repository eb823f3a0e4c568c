"""The room of a model: its form in the hands of somebody who does not program."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Response, expect
from samples import PASTE
from serving import MODELS, ROOT, Server, serving

DIGIT = ROOT / "examples/digits/pictures/7.png"
FLOWERS = "sepal_length\tsepal_width\tpetal_length\tpetal_width\n5.1\t3.5\t1.4\t0.2\n6.5\t3.0\t5.8\t2.2\n"
# What the browser does when a file is dropped, or cells of a spreadsheet are pasted.
DROP = """async ([zone, bytes, name, type]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, {type}));
    zone.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    given = [str(ROOT / f"examples/{name}/{name}.py") for name in ("digits", "iris", "tagger", "generator")]
    given += [f"kinds={MODELS / 'typed_models.py'}:Kinds", f"echo={MODELS / 'echoes.py'}:Echo"]
    with serving(*given, wait=False) as started:
        started.wait_settled()
        yield started


# The page reads answers as they come, and Chromium does not keep what was read so.
KEPT = """const ask = window.fetch;
window.answers = [];
window.fetch = async (...given) => {
    const answer = await ask(...given);
    if (given[1]?.method === 'POST') window.answers.push(answer.clone().text());
    return answer;
};"""


@pytest.fixture(autouse=True)
def _keeping_answers(page: Page) -> None:
    page.add_init_script(KEPT)


def answered(page: Page) -> Any:
    """Press the button; the JSON that the model answers."""
    assert run(page).status == 200
    page.wait_for_function("() => window.answers.length > 0")
    return json.loads(page.evaluate("() => window.answers.pop()"))


def run(page: Page) -> Response:
    """Press the button, and wait for what the model says."""
    with page.expect_response(lambda response: response.request.method == "POST") as waited:
        page.get_by_role("button", name="Run", exact=True).click()
    return waited.value


def test_a_picture_is_dropped_and_read(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/digits")
    zone = page.get_by_role("group", name="Image: drop or paste a file here")
    zone.evaluate(
        "(zone, rest) => (" + DROP + ")([zone, ...rest])", [list(DIGIT.read_bytes()), "7.png", "image/png"]
    )
    expect(page.get_by_text("7.png")).to_be_visible()
    assert answered(page)["predictions"][0]["label"] == "7"
    page.get_by_label("image/png").check()
    assert run(page).headers["content-type"] == "image/png"
    page.get_by_role("button", name="Remove 7.png").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("This is needed.")).to_be_visible()


def test_a_table_is_pasted_mended_and_answered(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/iris")
    zone = page.get_by_role("group", name="Flowers: drop a CSV or Parquet file, or paste a table here")
    zone.evaluate(PASTE, FLOWERS)
    page.get_by_label("Row 2, petal_length").fill("1.3")
    page.get_by_label("Row 2, petal_length").press("Tab")
    flowers = answered(page)["flowers"]
    assert [flower["species"] for flower in flowers] == ["setosa", "versicolor"]  # which was a virginica
    page.get_by_role("button", name="Three flowers").click()
    expect(page.get_by_label("Row 3, sepal_length")).to_have_value("6.5")
    assert len(answered(page)["flowers"]) == 3


def test_errors_stand_at_their_field_and_the_keyboard_goes_there(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/kinds")
    page.get_by_label("Number", exact=True).fill("many")
    page.get_by_role("button", name="Fill in: Point").click()
    page.get_by_label("X", exact=True).fill("1.5")
    page.get_by_label("Y", exact=True).fill("-2")
    assert run(page).status == 422
    expect(page.get_by_label("Number", exact=True)).to_be_focused()
    expect(page.get_by_label("Number", exact=True)).to_have_accessible_description(
        "Input should be a valid integer"
    )
    expect(page.get_by_label("Y", exact=True)).to_have_accessible_description(
        "Input should be greater than or equal to 0"
    )
    page.get_by_label("Number", exact=True).fill("3")
    page.get_by_label("Y", exact=True).fill("0,5")
    sent = run(page)
    assert sent.status == 200
    assert sent.request.post_data_json == {"number": 3, "point": {"x": 1.5, "y": 0.5}}


def test_a_link_opens_the_form_filled_in(server: Server, page: Page) -> None:
    values = {"prompt": "Shall <b>I</b>", "length": 12, "temperature": 0.1}
    page.goto(f"{server.url}/ui/models/generator#values={quote(json.dumps(values))}")
    expect(page.get_by_label("Prompt")).to_have_value("Shall <b>I</b>")
    expect(page.get_by_label("Length").last).to_have_value("12")
    expect(page.get_by_label("Temperature").last).to_be_hidden()  # the model's layout has that group closed
    page.get_by_text("How it is written").click()
    expect(page.get_by_label("Temperature").last).to_have_value("0.1")
    page.get_by_role("button", name="A beginning").click()
    expect(page.get_by_label("Length").last).to_have_value("400")


def test_lists_of_objects_grow_and_shrink(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/tagger")
    page.get_by_label("Text", exact=True).fill("Finds cracks in photographs of bridges")
    page.get_by_role("button", name="Add: Texts").click()
    page.get_by_label("Text", exact=True).last.fill("Tags texts")
    assert len(answered(page)["predictions"]) == 2
    page.get_by_role("button", name=re.compile("^Remove ")).first.click()
    assert [one["input_text"] for one in answered(page)["predictions"]] == ["Tags texts"]


HOSTILE = 'it\'s "$HOME" `id` \\ !x\n@me ${x} \u202eä 𝒳'
COMMANDS = {
    "curl": ["bash", "--norc", "call.sh"],
    "Python": [sys.executable, "call.py"],
    "JavaScript": ["node", "call.mjs"],
}


def ran_as_code(page: Page, folder: Path) -> dict[str, str]:
    """What the call as code prints, by the language; the code is that of the page, and runs in `folder`."""
    page.get_by_role("button", name="As code").click()
    dialog = page.get_by_role("dialog", name="The same call as code")
    expect(dialog.get_by_role("tab", name="curl")).to_be_visible()
    for button in dialog.get_by_role("button", name=re.compile("^Save ")).all():
        with page.expect_download() as waited:
            button.click()
        # Chromium suggests a name without what some systems do not like in one.
        waited.value.save_as(folder / button.inner_text().removeprefix("Save "))
    printed: dict[str, str] = {}
    for name, (program, *rest) in COMMANDS.items():
        dialog.get_by_role("tab", name=name).click()
        code = dialog.get_by_role("tabpanel", name=name).locator("pre").inner_text()
        (folder / rest[-1]).write_text(code, encoding="utf-8")
        if name == "JavaScript" and shutil.which(program) is None:
            continue
        done = subprocess.run(
            [program, *rest],
            cwd=folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (name, code, done.stderr)
        printed[name] = done.stdout
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return printed


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("kinds", {"number": 3, "text": HOSTILE, "point": {"x": 1.5, "y": 0.25}, "numbers": [1, 2]}),
        ("tagger", {"texts": [{"text": HOSTILE}, {"text": "Tags texts"}]}),
        (
            "iris",
            {"flowers": [dict(zip(FLOWERS.split("\n")[0].split("\t"), (5.1, 3.5, 1.4, 0.2), strict=True))]},
        ),
    ],
)
def test_the_call_as_code_answers_what_the_form_answers(
    server: Server, page: Page, tmp_path: Path, model: str, values: dict[str, Any]
) -> None:
    page.goto(f"{server.url}/ui/models/{model}#values={quote(json.dumps(values))}")
    given = answered(page)
    printed = ran_as_code(page, tmp_path)
    assert json.loads(printed.pop("curl")) == given
    wrapped = isinstance(given, dict) and given.keys() == {"status", "predictions"}
    assert ast.literal_eval(printed.pop("Python")) == (given["predictions"] if wrapped else given)
    assert all(json.loads(text) == given for text in printed.values())


def test_files_of_a_call_as_code_are_named_and_its_answer_is_saved(
    server: Server, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{server.url}/ui/models/digits")
    page.locator("input[type=file]").first.set_input_files(
        {"name": "it's; 7.png", "mimeType": "image/png", "buffer": DIGIT.read_bytes()}
    )
    given = answered(page)
    printed = ran_as_code(page, tmp_path)
    assert json.loads(printed.pop("curl")) == given
    assert ast.literal_eval(printed.pop("Python")) == given["predictions"]
    assert all(json.loads(text) == given for text in printed.values())
    page.get_by_label("image/png").check()
    saved = tmp_path / "answer.png"
    assert ran_as_code(page, tmp_path)["curl"] == ""
    assert saved.read_bytes().startswith(b"\x89PNG")


def test_a_stream_as_code_is_read_piece_by_piece(server: Server, page: Page, tmp_path: Path) -> None:
    values = {"prompt": "Shall I", "length": 60, "seed": 7}
    page.goto(f"{server.url}/ui/models/generator#values={quote(json.dumps(values))}")
    run(page)
    page.wait_for_function("() => window.answers.length > 0")
    text = written(page.evaluate("() => window.answers.pop()"))
    assert len(text) >= 60
    printed = ran_as_code(page, tmp_path)
    assert written(printed.pop("curl")) == text
    pieces = [ast.literal_eval(line) for line in printed.pop("Python").splitlines()]
    assert "".join(piece["text"] for piece in pieces) == text
    assert all(written(events) == text for events in printed.values())


def written(events: str) -> str:
    """The text of an event stream of pieces."""
    lines = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: {")]
    return "".join(json.loads(line)["text"] for line in lines)


def test_code_is_chosen_by_the_keyboard_and_says_what_is_missing(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/kinds")
    page.get_by_role("button", name="As code").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The form is not filled in yet")).to_be_visible()
    dialog.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("tab", name="Python")).to_have_attribute("aria-selected", "true")
    expect(dialog.locator("pre")).to_contain_text("import modelport")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="As code")).to_be_focused()
    page.reload()
    page.get_by_role("button", name="As code").click()
    expect(dialog.locator("pre")).to_contain_text("import modelport")  # the choice is kept


def test_own_calls_are_kept_and_fill_the_form_again(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/digits")
    page.locator("input[type=file]").first.set_input_files(DIGIT)
    answered(page)
    page.goto(f"{server.url}/ui/models/kinds#values={quote(json.dumps({'number': 3, 'text': HOSTILE}))}")
    answered(page)
    page.get_by_label("Number", exact=True).fill("many")
    assert run(page).status == 422
    page.reload()
    page.get_by_text("Your calls").click()
    calls = page.get_by_role("list", name="Your calls").get_by_role("listitem")
    expect(calls).to_have_count(2)
    expect(calls.first).to_contain_text("422")
    expect(calls.last).to_contain_text("number: 3, text: it's")
    expect(calls.last).to_contain_text("200")
    expect(calls.last).to_contain_text('{"values":')  # how the answer begins
    page.get_by_role("button", name="Begin anew").click()
    calls.last.get_by_role("button").first.click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(HOSTILE)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_focused()
    assert answered(page)["values"]["number"] == 3
    expect(calls).to_have_count(3)
    page.get_by_role("button", name=re.compile("^Forget the call of")).first.click()
    expect(calls).to_have_count(2)
    page.get_by_role("button", name="Forget all").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget all").click()
    expect(page.get_by_text("Your calls")).to_have_count(0)
    page.goto(f"{server.url}/ui/models/digits")  # those of another model are still there
    kept = page.evaluate("() => localStorage.getItem('modelport.calls')")
    assert '"files":[{"argument":"image","name":"7.png"' in kept
    assert len(kept) < 1000  # and nothing of the file itself
    expect(calls).to_contain_text("7.png")
    calls.get_by_role("button").first.click()
    expect(page.get_by_text("choose the files anew: 7.png")).to_be_visible()


def test_calls_of_one_tab_are_there_in_another(server: Server, page: Page) -> None:
    address = f"{server.url}/ui/models/kinds#values={quote(json.dumps({'number': 3}))}"
    page.goto(address)
    other = page.context.new_page()
    other.goto(address)
    expect(other.get_by_role("button", name="Run", exact=True)).to_be_visible()
    run(page)
    expect(other.get_by_text("Your calls")).to_be_visible()
    run(other)
    other.get_by_text("Your calls").click()
    expect(other.get_by_role("list", name="Your calls").get_by_role("listitem")).to_have_count(2)


def test_a_call_in_the_background_is_a_job_whose_result_is_shown_as_an_answer(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/ui/models/digits")
    page.get_by_role("button", name="Run in background").click()
    expect(page.get_by_text("This is needed.")).to_be_visible()
    page.locator("input[type=file]").first.set_input_files(DIGIT)
    page.get_by_role("button", name="Run in background").click()
    page.wait_for_url("**/ui/jobs/*")
    result = page.get_by_role("region", name="Result")
    bars = result.get_by_role("list", name="Labels, the likeliest first")
    expect(bars.get_by_role("listitem").first).to_contain_text("7")
    job = page.url
    page.go_back()
    page.get_by_text("Your calls").click()
    page.get_by_role("link", name="To its job").click()
    page.wait_for_url(job)
    expect(bars).to_be_visible()


def test_a_stream_in_the_background_is_there_as_it_was_written(server: Server, page: Page) -> None:
    values = {"prompt": "Shall I", "length": 60, "seed": 7}
    page.goto(f"{server.url}/ui/models/generator#values={quote(json.dumps(values))}")
    page.get_by_role("button", name="Run in background").click()
    text = page.get_by_role("region", name="Result").get_by_role("log")
    expect(text).to_have_text(re.compile(r"\w.{50}", re.DOTALL))


def test_what_takes_long_is_offered_to_be_a_job(server: Server, page: Page) -> None:
    page.clock.install()
    page.goto(f"{server.url}/ui/models/echo#values={quote(json.dumps({'wait': 600}))}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("button", name="Running …")).to_be_disabled()
    expect(page.get_by_text("This takes its time.")).to_have_count(0)
    page.clock.fast_forward(5000)
    page.get_by_role("button", name="Run it in background instead").click()
    page.wait_for_url("**/ui/jobs/*")
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("status").get_by_text("cancelled", exact=True)).to_be_visible()


def test_no_job_is_offered_in_the_page_of_others(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/ui/models/echo?embed=1")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Run in background")).to_have_count(0)
