"""Published packages for DEEPaaS over HTTP: what their arguments look like, and what clients send them."""

from __future__ import annotations

from typing import Any

import job_calls
import pytest
from serving import Server
from v2_target import Predict, predictions

DEFAULTS = {"words": ["a"], "ratio": 0.8, "pair": None, "session": None, "accept": "application/json"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif;q=0.1,*/*;q=0.8"


@pytest.mark.parametrize(
    ("headers", "kind", "content"),
    [
        ({"Accept": "application/json"}, "application/json", None),
        ({"Accept": "*/*"}, "application/json", None),
        ({"Accept": BROWSER}, "application/json", None),
        ({"Accept": ""}, "application/json", None),
        ({"Accept": "text/plain"}, "text/plain; charset=utf-8", b"text for text/plain"),
        ({"Accept": "image/png"}, "image/png", b"\x89PNG\r\n\x1a\n"),
        ([("Accept", "text/html"), ("Accept", "text/plain")], "text/plain; charset=utf-8", None),
    ],
    ids=repr,
)
def test_accept_in_the_headers_is_the_accept_header(
    predict: Predict, headers: Any, kind: str, content: bytes | None
) -> None:
    answer = predict("template", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind
    assert content is None or answer.content == content
    if kind == "application/json":
        assert predictions(answer) == DEFAULTS | {"read": None}


def test_a_header_that_nothing_fits_names_what_can_be_answered(predict: Predict) -> None:
    answer = predict("template", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert "application/json, text/plain, image/*" in answer.json()["detail"]


def test_a_file_is_sent_by_its_data_key_and_arrives_by_its_name(predict: Predict) -> None:
    answer = predict("template", files={"data": ("a.txt", b"what it says")})
    assert predictions(answer)["read"] == "what it says"


def test_a_tuple_in_a_query_and_a_form_and_a_value_in_a_cookie(predict: Predict) -> None:
    assert predictions(predict("template", params=[("pair", "1"), ("pair", "z")]))["pair"] == [1, "z"]
    form = {"content": b"pair=1&pair=z", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    assert predictions(predict("template", **form))["pair"] == [1, "z"]
    assert predict("template", params={"pair": "1"}).json() == {"pair": ["Length must be 2."]}
    answer = predict("template", headers={"Cookie": "other=1; session=s5"}, params={"session": "no"})
    assert predictions(answer)["session"] == "s5"


@pytest.mark.parametrize(
    ("accept", "arrives"),
    [("application/json", "application/json"), ("*/*", "application/json"), ("text/plain", "text/plain")],
)
def test_a_training_may_ask_for_accept_in_the_headers_too(site: Server, accept: str, arrives: str) -> None:
    path = "/v2/models/template/train/"
    answer = site.client.post(path, headers={"Accept": accept}, params={"epochs": 2})
    assert answer.status_code == 200, answer.text
    uuid = answer.json()["uuid"]
    job_calls.ended(site.client, uuid)
    body = site.client.get(path + uuid).json()
    assert body["result"]["output"] == {"epochs": 2, "accept": arrives}


def test_the_swagger_document_has_arguments_as_they_were_declared(site: Server) -> None:
    path = "/v2/models/template/predict/"
    parameters = site.client.get("/swagger.json").json()["paths"][path]["post"]["parameters"]
    assert [p["name"] for p in parameters] == ["data", "words", "ratio", "pair", "accept"]
    by_name = {p["name"]: p for p in parameters}
    assert by_name["words"]["default"] == ["a"]
    assert by_name["words"]["items"]["enum"] == ["a", "b"]
    assert (by_name["ratio"]["type"], by_name["ratio"]["default"]) == ("string", 0.8)
    assert (by_name["accept"]["in"], by_name["accept"]["default"]) == ("header", "application/json")
    cookies = site.client.get("/openapi.json").json()["paths"][path]["post"]["parameters"]
    assert [p["name"] for p in cookies if p["in"] == "cookie"] == ["session"]


def test_choices_and_objects_in_a_query(predict: Predict) -> None:
    defaults = {"colour": "BLUE", "box": None, "options": {}, "size(h,w)": [1.0, 2.0]}
    assert predictions(predict("choosing")) == defaults
    asked = {"colour": "1", "box": '{"left": "5"}', "options": '{"a": [1]}'}
    assert predictions(predict("choosing", params=asked)) == defaults | {
        "colour": "RED",
        "box": {"left": 5},
        "options": {"a": [1]},
    }
    assert predictions(predict("choosing", json={"colour": 1, "size(h,w)": [3]}))["size(h,w)"] == [3.0]
    assert predict("choosing", params={"colour": "2"}).json() == {"colour": ["Must be one of: 1, blue."]}
    refused = predict("choosing", params={"options": '{"refuse": true}'})
    assert (refused.status_code, refused.json()) == (422, {"colour": ["It is too dark."]})


def test_a_training_may_answer_a_set(site: Server) -> None:
    uuid = site.client.post("/v2/models/choosing/train/").json()["uuid"]
    job_calls.ended(site.client, uuid)
    body = site.client.get(f"/v2/models/choosing/train/{uuid}").json()
    assert body["result"]["output"] == ["saved in models/1"]
