"""The forms hold for every model of the tests: each is made, filled in from the schemas, and sent.

What comes back is 200, or a 422 whose words stand at the fields that they are about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import FilePayload, Page, Response, expect
from samples import Schema, fitting, unfitting
from serving import MODELS, ROOT, Server, serving

PICTURE = (ROOT / "examples/digits/pictures/3.png").read_bytes()
CLASSES = {
    "typed_models": "Kinds DefaultInHint Files Predicts Measures Shows Draws SameNames AnyMedia",
    "file_models": "Eye Together Several Rows Reads Counts",
    "lesson_models": "Tags Does Pictures Counts",
    "monitored": "Risk Words Rows",
    "batch_models": "Sums Tables Means Together",
    "streaming_kinds": "Typed TypedAsync",
    "returning_models": "TypedEvents TypedBytes",
    "webargs_models": "Old New TwoBoxes WholeSchema Media",
    "published_models": "Template Choosing Complete",
    "upload_models": "Uploads",
    "object_models": "Rows Several Arrays called",
    "array_models": "iris named mixed visits coded several",
}
ORIGINALS = {"recorded_upload": f"{MODELS / 'recorded/upload.py'}:Upload"}
MLUP = ("mlup_cells", "mlup_iris", "mlup_rows", "mlup_several")
EXAMPLES = ("digits", "iris", "tagger")
# What no schema says: these refuse the sample by words at its fields, or fail by a row that is no list.
REFUSING = {
    "webargs_models_new": 422,  # a number must be even
    "array_models_iris": 422,  # one of two switches may be on
    "array_models_visits": 422,  # dates come as Parquet alone
    "mlup_iris": 422,
    "mlup_cells": 500,
    "object_models_arrays": 500,
}


def sources() -> dict[str, str]:
    """Every model that a form is made for, by name."""
    found = {f"recorded_{file.stem}": str(file) for file in sorted((MODELS / "recorded").glob("*.py"))}
    found |= ORIGINALS
    for module, names in CLASSES.items():
        for name in names.split():
            found[f"{module}_{name}".lower()] = f"{module}:{name}"
    found |= {name: f"{MODELS / name}.py" for name in MLUP}
    return found | {f"example_{name}": str(ROOT / f"examples/{name}/{name}.py") for name in EXAMPLES}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    given = [f"{name}={source}" for name, source in sources().items()]
    with serving(*given, "--workers", "0", wait=False) as started:
        settled = started.wait_settled()
        failed = {name: one["error"] for name, one in settled["models"].items() if one["state"] == "failed"}
        assert not failed
        yield started


def test_every_form_is_sent_and_errors_stand_at_their_fields(server: Server, page: Page) -> None:
    page.add_init_script(NOTING)
    page.goto(f"{server.url}/ui/models")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()  # it hears of links now
    statuses: dict[str, tuple[int, int]] = {}
    for name in sources():
        signature = server.client.get(f"/v2/models/{name}/signature").json()
        verb = signature["verbs"].get("predict")
        if verb is None:
            continue
        own = [one["arguments"] for one in verb["examples"]]
        good = _sent(page, name, verb, own[0] if own else _values(verb, signature["definitions"], fitting))
        bad = _sent(page, name, verb, _values(verb, signature["definitions"], unfitting))
        statuses[name] = (good, bad)
    assert {name: good for name, (good, _) in statuses.items() if good != 200} == REFUSING
    assert sum(bad == 422 for _, bad in statuses.values()) > 20, statuses


def _values(verb: Schema, definitions: Schema, made: Any) -> Schema:
    values = {a["name"]: made(a["schema"], definitions) for a in verb["arguments"] if a["kind"] == "value"}
    return {name: value for name, value in values.items() if value is not None}


def _sent(page: Page, name: str, verb: Schema, values: Schema) -> int:
    """The status of what the form sends that a link has filled in. Fails if an error stands nowhere."""
    address = f"/ui/models/{name}#values={quote(json.dumps(values))}"
    page.evaluate(GO, address)
    expect(page.locator("form.ask")).to_have_attribute("data-model", name)
    choosers = page.locator("form.ask input[type=file]:not([accept*=csv])")
    uploads = [a for a in verb["arguments"] if a["kind"] in ("file", "files")]
    expect(choosers).to_have_count(len(uploads))
    for index, argument in enumerate(uploads):
        is_picture = "image" in json.dumps(argument["schema"]) + argument["name"]
        count = 2 if argument["kind"] == "files" else 1
        choosers.nth(index).set_input_files([_file(is_picture)] * count)
    with page.expect_response(_is_prediction) as waited:
        page.get_by_role("button", name="Run", exact=True).click()
    response = waited.value
    sent = page.evaluate("() => window.sent")
    for argument in uploads:
        least = 2 if argument["kind"] == "files" else 1  # those of the call before are still there
        assert sent.count(argument["name"]) >= least, f"{name}: {argument['name']} among {sent}"
    if response.status == 422:
        _check_errors(page, name, response)
    return response.status


def _check_errors(page: Page, name: str, response: Response) -> None:
    body = response.json()
    if "title" in body:  # the model's own words, which name no argument
        expect(page.get_by_role("alert").first).to_be_visible()
        return
    for argument, words in body.items():
        place = re.sub(r"[^\w.-]", "_", argument)
        found = page.locator(f'form.ask .error-words[id*="-{place}"]').first
        expect(found, f"{name}: {argument}").to_be_visible()
        assert words


# The names of the parts of the form that was sent last: Chromium tells nobody of the files in it.
NOTING = """const ask = window.fetch;
window.sent = [];
window.fetch = (address, options, ...rest) => {
    const isForm = options?.body instanceof FormData;
    if (options?.method === 'POST') window.sent = isForm ? [...options.body.keys()] : [];
    return ask(address, options, ...rest);
};"""
# As the router hears of a link that was followed: without loading the page anew for each model.
GO = """address => {
    history.pushState({}, '', address);
    dispatchEvent(new PopStateEvent('popstate', {state: {}}));
}"""


def _is_prediction(response: Response) -> bool:
    return response.request.method == "POST" and "/predict" in response.url


def _file(is_picture: bool) -> FilePayload:
    if is_picture:
        return {"name": "three.png", "mimeType": "image/png", "buffer": PICTURE}
    return {"name": "words.txt", "mimeType": "text/plain", "buffer": b"some words"}
