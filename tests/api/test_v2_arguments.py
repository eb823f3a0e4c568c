"""Arguments of DEEPaaS models: where they are looked for, how they are read, what a bad one is told."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from serving import Server
from v2_target import Predict, predictions

DEFAULTS = {"arg1": "str foo", "count": "int 3", "numbers": [], "csv": [], "nothing": None}
IDENT = "00000000-0000-0000-0000-000000000005"


def test_missing_gives_the_default_and_what_has_none_is_left_out(predict: Predict) -> None:
    assert predictions(predict("old")) == DEFAULTS


PLACES: list[dict[str, Any]] = [
    {"params": {"count": "7"}},
    {"data": {"count": "7"}},
    {"files": {"count": (None, "7")}},
    {"json": {"count": 7}},
    {"json": {"count": "7"}},
    {"content": b'{"count": 7}', "headers": {"Content-Type": "application/vnd.x+json"}},
]


@pytest.mark.parametrize("request_", PLACES, ids=lambda request: next(iter(request)))
def test_an_argument_may_stand_in_each_place(predict: Predict, request_: dict[str, Any]) -> None:
    assert predictions(predict("old", **request_)) == DEFAULTS | {"count": "int 7"}


def test_the_query_wins_over_the_body_and_the_places_mix(predict: Predict) -> None:
    answer = predict("old", params={"count": "5"}, json={"count": 7, "arg1": "body"})
    assert predictions(answer) == DEFAULTS | {"count": "int 5", "arg1": "str body"}
    answer = predict("old", params={"count": "5"}, data={"count": "7", "arg1": "form"})
    assert predictions(answer) == DEFAULTS | {"count": "int 5", "arg1": "str form"}


@pytest.mark.parametrize(
    "request_",
    [
        {"params": [("numbers", "1"), ("numbers", "2")]},
        {"content": b"numbers=1&numbers=2", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"files": [("numbers", (None, "1")), ("numbers", (None, "2"))]},
        {"json": {"numbers": [1, 2]}},
    ],
    ids=["query", "form", "multipart", "json"],
)
def test_repeated_keys_are_a_list(predict: Predict, request_: dict[str, Any]) -> None:
    assert predictions(predict("old", **request_))["numbers"] == ["int 1", "int 2"]


def test_one_value_is_a_list_of_one_and_of_many_a_scalar_takes_the_first(predict: Predict) -> None:
    assert predictions(predict("old", params={"numbers": "1"}))["numbers"] == ["int 1"]
    assert predictions(predict("old", json={"numbers": 1}))["numbers"] == ["int 1"]
    assert predictions(predict("old", params=[("count", "4"), ("count", "9")]))["count"] == "int 4"


@pytest.mark.parametrize(
    "request_",
    [{"params": {"csv": "1,2.5"}}, {"params": [("csv", "1"), ("csv", "2.5")]}, {"json": {"csv": [1, 2.5]}}],
    ids=["text", "repeated", "json"],
)
def test_a_delimited_list(predict: Predict, request_: dict[str, Any]) -> None:
    assert predictions(predict("old", **request_))["csv"] == ["float 1.0", "float 2.5"]


def test_enum_documents_and_validate_checks(predict: Predict) -> None:
    assert predictions(predict("old", json={"arg1": "choice9"}))["arg1"] == "str choice9"
    answer = predict("old", json={"count": 11})
    assert answer.status_code == 422
    assert answer.json() == {"count": ["Must be greater than or equal to 1 and less than or equal to 10."]}


def test_location_restricts(predict: Predict) -> None:
    everywhere = {"only_query": "q", "only_form": "f", "only_json": "j"}
    assert predictions(predict("old", params=everywhere)) == DEFAULTS | {"only_query": "str q"}
    assert predictions(predict("old", data=everywhere)) == DEFAULTS | {"only_form": "str f"}
    assert predictions(predict("old", json=everywhere)) == DEFAULTS | {"only_json": "str j"}


def test_location_headers(predict: Predict) -> None:
    assert predictions(predict("old", headers={"x-agent": "me"})) == DEFAULTS | {"agent": "str me"}
    assert predictions(predict("old", params={"X-Agent": "me"})) == DEFAULTS


@pytest.mark.parametrize("body", [b"[1]", b"5", b'"text"', b"null"], ids=repr)
def test_a_json_body_that_is_no_object_is_refused(predict: Predict, body: bytes) -> None:
    answer = predict("old", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["json"][0].startswith("The body should be a JSON object")


@pytest.mark.parametrize(
    ("media_type", "said"),
    [
        (
            "application/x-www-form-urlencoded",
            "as curl says by itself: send it with Content-Type: application/json",
        ),
        ("text/plain", "its Content-Type is 'text/plain': send it with Content-Type: application/json"),
        ("", "it has no Content-Type: send it with Content-Type: application/json"),
    ],
)
def test_what_lacks_for_a_body_that_is_not_read_is_told_with_the_reason(
    predict: Predict, media_type: str, said: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = predict("new", content=b'{"text": "a"}', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["text"] == ["Missing data for required field."]
    assert said in answer.json()["_schema"][0]


def test_an_empty_json_body_holds_no_arguments(predict: Predict) -> None:
    answer = predict("old", content=b"", headers={"Content-Type": "application/json"})
    assert predictions(answer) == DEFAULTS


def test_malformed_json_is_400_in_webargs_words(predict: Predict) -> None:
    answer = predict("old", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"json": ["Invalid JSON body."]})


def test_every_kind_of_field(predict: Predict) -> None:
    sent = {
        "text": "c", "flag": "true", "when": "2020-02-29T01:02:03", "day": "2020-02-29", "ident": IDENT,
        "link": "http://example.org/", "point": {"x": 1}, "box": {"left": "2"}, "options": {"a": "3"},
        "other-name": "4", "exact": 5, "even": 6, "bare": "b", "unknown": 1,
    }  # fmt: skip
    assert predictions(predict("new", json=sent)) == {
        "text": "str c", "flag": True, "when": "datetime 2020-02-29 01:02:03", "day": "date 2020-02-29",
        "ident": f"UUID {IDENT}", "link": "str http://example.org/", "point": {"x": 1.0, "y": 0.0},
        "box": {"left": 2}, "options": {"a": 3}, "renamed": "int 4", "exact": "int 5", "even": "int 6",
        "bare": "str b",
    }  # fmt: skip


def test_every_bad_argument_is_named_at_once(predict: Predict) -> None:
    sent = {
        "flag": "perhaps", "when": "today", "ident": "5", "link": "not a link", "point": {},
        "box": {"left": "x"}, "options": {"a": "b"}, "exact": 1.5, "even": 3,
    }  # fmt: skip
    answer = predict("new", json=sent)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "text": ["Missing data for required field."],
        "flag": ["Not a valid boolean."],
        "when": ["Not a valid datetime."],
        "ident": ["Not a valid UUID."],
        "link": ["Not a valid URL."],
        "point": {"x": ["Missing data for required field."]},
        "box": {"left": ["Not a valid integer."]},
        "options": {"a": {"value": ["Not a valid integer."]}},
        "exact": ["Not a valid integer."],
        "even": ["Must be even."],
    }


def test_messages_of_lists_are_nested_by_index(predict: Predict) -> None:
    answer = predict("old", params=[("numbers", "1"), ("numbers", "x"), ("numbers", "0")])
    assert answer.status_code == 422
    assert answer.json() == {"numbers": {"1": ["Not a valid integer."], "2": ["Must be greater than 0."]}}


def test_a_model_may_refuse_its_arguments_itself(predict: Predict) -> None:
    answer = predict("new", json={"text": "refused"})
    assert (answer.status_code, answer.json()) == (422, {"text": ["Refused by the model."]})


def test_a_schema_class_with_a_check_of_its_own(predict: Predict) -> None:
    assert predictions(predict("whole", params={"high": "2"})) == [0, 2]
    answer = predict("whole", json={"low": 5, "high": 2})
    assert (answer.status_code, answer.json()) == (422, {"low": ["low is over high"]})
    answer = predict("whole", json={"low": "x"})
    assert answer.json() == {
        "low": ["Not a valid integer."],
        "high": ["Missing data for required field."],
    }


def test_the_model_of_the_upgrade_notes(predict: Predict) -> None:
    """A URL is text, a file an `UploadedFile`, and `HTTPBadRequest(reason=error)` says the error."""
    assert predictions(predict("migrated", params={"urls": "http://example.org/a"})) == [
        "http://example.org/a"
    ]
    [shown] = predictions(predict("migrated", files={"files": ("a.txt", b"text", "text/plain")}))
    name, _, content_type, original = shown["upload"]
    assert (name, content_type, original, shown["content"]) == ("files", "text/plain", "a.txt", "text")
    answer = predict("migrated")
    assert answer.status_code == 400
    assert answer.reason_phrase == "You must provide either 'url' or 'data' in the payload"


def test_arguments_of_the_first_version_are_text(predict: Predict) -> None:
    assert predictions(predict("first")) == {"depth": "str 3"}
    assert predictions(predict("first", params={"depth": "9"})) == {"depth": "str 9"}


@pytest.mark.parametrize(
    ("request_", "media_type"),
    [
        ({}, "application/zip"),
        ({"headers": {"Accept": "image/png"}}, "image/png"),
        ({"headers": {"Accept": "image/*"}}, "image/png"),
        ({"headers": {"Accept": "text/html, image/png;q=0.4, text/plain;q=0.5"}}, "text/plain"),
        ({"headers": {"Accept": "*/*"}}, "application/zip"),
        ({"params": {"accept": "application/json"}}, "application/json"),
        ({"params": {"accept": "*/*"}}, "application/zip"),
        ({"data": {"accept": "image/png"}}, "image/png"),
        ({"json": {"accept": "image/png"}}, "image/png"),
        ({"files": {"accept": (None, "image/png")}}, "image/png"),
        ({"params": {"accept": "image/png"}, "headers": {"Accept": "image/png"}}, "image/png"),
        ({"params": {"accept": "image/png"}, "headers": {"Accept": "text/html"}}, "image/png"),
    ],
    ids=repr,
)
def test_accept_is_an_argument_and_a_header(
    predict: Predict, site: Server, request_: dict[str, Any], media_type: str
) -> None:
    request_ = {"headers": {"Accept": ""}} | request_
    answer = predict("media", **request_)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == media_type
    expected = {"application/json": b'{"status":"OK","predictions":{"some":"json"}}'}
    assert answer.content in (expected.get(media_type, media_type.encode()), b"text for text/plain")


def test_accept_that_cannot_be_answered(predict: Predict) -> None:
    answer = predict("media", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert "application/zip, image/png, application/json, text/plain" in answer.json()["detail"]
    answer = predict("media", params={"accept": "text/html"})
    assert answer.status_code == 422
    assert list(answer.json()) == ["accept"]
    answer = predict("old", headers={"Accept": "image/png"})
    assert answer.status_code == 406


def test_exclusive_bounds_are_checked_and_documented(predict: Predict, site: Server) -> None:
    assert predict("old", json={"open": 0}).status_code == 422
    assert predictions(predict("old", json={"open": 0.5}))["open"] == "float 0.5"
    path = "/v2/models/old/predict/"
    openapi = site.client.get("/openapi.json").json()["paths"][path]["post"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in openapi}
    assert (schemas["open"]["exclusiveMinimum"], schemas["open"]["exclusiveMaximum"]) == (0, 1)
    assert not {"minimum", "maximum"} & set(schemas["open"])
    assert schemas["numbers"]["items"]["exclusiveMinimum"] == 0
    swagger = site.client.get("/swagger.json").json()["paths"][path]["post"]["parameters"]
    [bounds] = [parameter for parameter in swagger if parameter["name"] == "open"]
    assert (bounds["minimum"], bounds["exclusiveMinimum"]) == (0, True)
    assert (bounds["maximum"], bounds["exclusiveMaximum"]) == (1, True)


def test_old_idioms_are_documented(site: Server) -> None:
    swagger = site.client.get("/swagger.json").json()["paths"]
    of_old = {p["name"]: p for p in swagger["/v2/models/old/predict/"]["post"]["parameters"]}
    assert of_old["arg1"]["enum"] == ["choice1", "choice2", "foo"]  # it checks nothing: the default is one
    assert of_old["arg1"]["default"] == "foo"
    assert of_old["arg1"]["description"] == "Argument one"
    assert of_old["arg1"]["required"] is False
    assert of_old["X-Agent"]["in"] == "header"
    of_migrated = {p["name"]: p for p in swagger["/v2/models/migrated/predict/"]["post"]["parameters"]}
    assert (of_migrated["files"]["in"], of_migrated["files"]["type"]) == ("formData", "file")
    assert of_migrated["files"]["description"] == "Select the image you want to classify."


def warnings_of(answer: httpx.Response) -> list[str]:
    return [value for name, value in answer.headers.multi_items() if name == "warning"]


@pytest.mark.parametrize(
    "request_",
    [
        {"params": {"cuont": "7"}},
        {"data": {"cuont": "7"}},
        {"files": {"cuont": (None, "7")}},
        {"json": {"cuont": 7}},
    ],
    ids=["query", "form", "multipart", "json"],
)
def test_an_unknown_argument_is_ignored_with_a_warning(
    predict: Predict, site: Server, request_: dict[str, Any]
) -> None:
    answer = predict("old", **request_)
    assert predictions(answer) == DEFAULTS
    said = "unknown argument 'cuont' was ignored; did you mean 'count'?"
    assert warnings_of(answer) == [f'299 - "{said}"']
    site.wait_for_log("old: predict: " + re.escape(said))
    assert warnings_of(predict("old", json={"count": 7, "accept": "application/json"})) == []


def test_a_warning_stands_beside_errors_and_says_what_there_is(predict: Predict) -> None:
    answer = predict("new", json={"flag": "perhaps", "txet": "a", 'q"\n\\é': 1})
    assert (answer.status_code, set(answer.json())) == (422, {"text", "flag"})
    near, far = warnings_of(answer)
    assert near == "299 - \"unknown argument 'txet' was ignored; did you mean 'text'?\""
    assert far.startswith(
        "299 - \"unknown argument 'q\\\"\\\\n\\\\\\\\\\\\xe9' was ignored; there is: 'bare', 'box', "
    )


def test_as_many_warnings_as_fit_a_head(predict: Predict) -> None:
    said = warnings_of(predict("old", json={f"{number}" * 5000: 1 for number in range(9)}))
    assert len(said) == 5
    assert max(map(len, said)) < 400


def test_an_argument_in_a_place_that_is_not_read_is_told_of(predict: Predict) -> None:
    answer = predict(
        "old", params={"only_form": "a", "X-Agent": "me"}, json={"only_query": "b", "only_json": "c"}
    )
    assert predictions(answer)["only_json"] == "str c"
    assert warnings_of(answer) == [
        "299 - \"argument 'X-Agent' was ignored, which is read from a header only\"",
        "299 - \"argument 'only_query' was ignored, which is read from the query string only\"",
        "299 - \"argument 'only_form' was ignored, which is read from a form only\"",
    ]
