"""Arguments of typed models: every kind of hint, from every place a value may come from."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Server
from v2_target import Predict, predictions

from modelport.contract.kinds import NOT_A_FILE

IDENT = "00000000-0000-0000-0000-000000000005"
DEFAULTS = {
    "number": 1, "ratio": 0.5, "flag": False, "text": "none", "choice": "a", "colour": "red", "level": 1,
    "numbers": [], "maybe_numbers": None, "pair": None, "maybe": None, "when": None, "day": None,
    "ident": None,
    "price": None, "point": None, "points": [], "box": None, "options": {}, "table": {}, "either": None,
    "anything": None, "filled": 8, "top": 1, "grade": 1, "grades": [], "lasts": None,
}  # fmt: skip
AS_JSON: dict[str, Any] = {
    "number": 2, "ratio": 1, "flag": True, "text": "é", "choice": "b", "colour": "green", "level": 2,
    "numbers": [1, 2], "maybe_numbers": [3], "pair": [1, "x"], "maybe": 4, "when": "2020-02-29T01:02:03Z",
    "day": "2020-02-29", "ident": IDENT, "price": "1.50", "point": {"x": 1},
    "points": [{"x": 1}, {"x": 2, "y": 3}], "box": {"left": 1, "inside": {"x": 2}}, "options": {"depth": 1},
    "table": {"a": 1}, "either": "five", "anything": "any", "filled": 9,
    "top": 3, "grade": 2, "grades": [2, 1], "lasts": "PT1M30S",
}  # fmt: skip
AS_TEXT: dict[str, Any] = AS_JSON | {
    "number": "2", "ratio": "1", "flag": "true", "level": "2", "numbers": ["1", "2"], "maybe_numbers": ["3"],
    "pair": ["1", "x"], "maybe": "4", "point": '{"x": 1}', "points": ['{"x": 1}', '{"x": 2, "y": 3}'],
    "box": '{"left": 1, "inside": {"x": 2}}', "options": '{"depth": 1}', "table": '{"a": 1}', "filled": "9",
    "top": "3", "grade": "2", "grades": ["2", "1"], "lasts": "90",
}  # fmt: skip
GOT = AS_JSON | {
    "ratio": 1.0, "point": {"x": 1.0, "y": 0.0}, "points": [{"x": 1.0, "y": 0.0}, {"x": 2.0, "y": 3.0}],
    "box": {"left": 1, "inside": {"x": 2.0, "y": 0.0}}, "table": {"a": 1.0},
}  # fmt: skip
CLASSES = {
    "number": "int", "ratio": "float", "flag": "bool", "text": "str", "choice": "str", "colour": "Colour",
    "level": "Level", "numbers": "list", "maybe_numbers": "list", "pair": "tuple", "maybe": "int",
    "when": "datetime", "day": "date", "ident": "UUID", "price": "Decimal", "point": "Point",
    "points": "list", "box": "Box", "options": "dict", "table": "dict",
    "either": "str", "anything": "str", "filled": "int",
    "top": "int", "grade": "Grade", "grades": "list", "lasts": "timedelta",
}  # fmt: skip
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63600000000200014"
    "8afa4710000000049454e44ae426082"
)


def pairs(given: dict[str, Any]) -> list[tuple[str, str]]:
    return [(k, v) for k, value in given.items() for v in (value if isinstance(value, list) else [value])]


def test_defaults(predict: Predict) -> None:
    answer = predict("kinds", json={"number": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["values"] == DEFAULTS


@pytest.mark.parametrize(
    "request_",
    [
        {"json": AS_JSON},
        {"params": pairs(AS_TEXT)},
        {"data": AS_TEXT},
        {"files": [(name, (None, value)) for name, value in pairs(AS_TEXT)]},
        {"params": [("number", "2")], "json": {k: v for k, v in AS_JSON.items() if k != "number"}},
    ],
    ids=["json", "query", "form", "multipart", "mixed"],
)
def test_every_kind_of_hint(predict: Predict, request_: dict[str, Any]) -> None:
    answer = predict("kinds", **request_)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"values": GOT, "classes": CLASSES}


def test_a_list_may_be_one_json_array(predict: Predict) -> None:
    given = {
        "number": "1",
        "numbers": "[1, 2]",
        "maybe_numbers": " [3]",
        "points": '[{"x": 1}]',
        "pair": '[1, "x"]',
    }
    answer = predict("kinds", params=given)
    assert answer.status_code == 200, answer.text
    values = answer.json()["values"]
    assert (values["numbers"], values["maybe_numbers"], values["pair"]) == ([1, 2], [3], [1, "x"])
    assert values["points"] == [{"x": 1.0, "y": 0.0}]


def test_null_is_a_value_of_what_is_optional(predict: Predict) -> None:
    assert predict("kinds", json={"number": 1, "maybe": None, "point": None}).status_code == 200
    answer = predict("kinds", json={"number": None})
    assert (answer.status_code, list(answer.json())) == (422, ["number"])


@pytest.mark.parametrize(
    ("request_", "messages"),
    [
        ({}, {"number": ["Missing data for required field."]}),
        ({"json": {}}, {"number": ["Missing data for required field."]}),
        (
            {
                "json": {
                    "number": "1",
                    "flag": "true",
                    "ratio": 0,
                    "numbers": [1, "x"],
                    "points": [{"x": "y"}],
                }
            },
            {
                "number": ["Input should be a valid integer"],
                "flag": ["Input should be a valid boolean"],
                "ratio": ["Input should be greater than 0"],
                "numbers": {"1": ["Input should be a valid integer"]},
                "points": {"0": {"x": ["Input should be a valid number"]}},
            },
        ),
        (
            {"params": {"number": "x", "choice": "c", "colour": "blue", "level": "3", "point": '{"y": -1}'}},
            {
                "number": ["Input should be a valid integer, unable to parse string as an integer"],
                "choice": ["Input should be 'a' or 'b'"],
                "colour": ["Input should be 'red' or 'green'"],
                "level": ["Input should be 1 or 2"],
                "point": {
                    "x": ["Missing data for required field."],
                    "y": ["Input should be greater than or equal to 0"],
                },
            },
        ),
        ({"params": {"number": "1", "table": "5"}}, {"table": ["Input should be an object"]}),
        ({"data": {"number": "1", "points": ['{"x": 1}', '{"x"']}}, {"points": {"1": None}}),
    ],
    ids=["nothing", "empty", "strict json", "text", "no object", "broken json"],
)
def test_bad_values_are_a_map_of_messages(
    predict: Predict, request_: dict[str, Any], messages: dict[str, Any]
) -> None:
    answer = predict("kinds", **request_)
    assert answer.status_code == 422
    body = answer.json()
    if messages == {"points": {"1": None}}:  # the words are pydantic's; the place is what counts
        assert list(body) == ["points"]
        assert list(body["points"]) == ["1"]
    else:
        assert body == messages


@pytest.mark.parametrize("request_", [{}, {"json": {}}, {"params": {}}, {"data": {"count": "7"}}], ids=repr)
def test_a_default_that_only_the_hint_knows(predict: Predict, request_: dict[str, Any]) -> None:
    assert predict("default-in-hint", **request_).json() == 7


UNKNOWN = {"cuont": ["Unknown argument; did you mean 'count'?"], "x": ["Unknown argument; there is: count."]}


@pytest.mark.parametrize("place", ["json", "params", "data", "files"])
def test_an_argument_that_nobody_has_is_refused_with_the_nearest_name(predict: Predict, place: str) -> None:
    given = {"count": 8, "cuont": 9, "x": 1}
    sent: Any = {name: (None, str(value)) for name, value in given.items()} if place == "files" else given
    answer = predict("default-in-hint", **{place: sent})
    assert (answer.status_code, answer.json()) == (422, UNKNOWN)


def test_what_is_unknown_and_what_is_missing_are_told_together(predict: Predict) -> None:
    answer = predict("kinds", json={"numbr": 1})
    assert answer.json() == {
        "numbr": ["Unknown argument; did you mean 'number' or 'numbers'?"],
        "number": ["Missing data for required field."],
    }
    upload = predict("files", files={"fiel": ("a", b"A")}, data={"note": "hi"})
    assert upload.json() == {"fiel": ["Unknown argument; did you mean 'file'?"]}


def test_accept_may_stand_wherever_arguments_do(predict: Predict) -> None:
    assert predict("default-in-hint", params={"accept": "application/json"}).json() == 7
    assert predict("default-in-hint", data={"accept": "application/json"}).json() == 7


def test_a_module_with_an_annotated_predict_is_typed(predict: Predict) -> None:
    assert predict("function", params={"text": "ab", "times": "2"}).json() == "abab"
    assert predict("function").json() == {"text": ["Missing data for required field."]}


def test_files_pictures_and_tables(predict: Predict) -> None:
    parts = [
        ("file", ("a.txt", b"A", "text/plain")),
        ("more", ("b", b"B")),
        ("more", ("c", b"C")),
        ("image", ("i.png", PNG)),
        ("table", ("t.csv", b"a,b\n1,x\n2.5,y\n")),
    ]
    answer = predict("files", files=parts, data={"note": "hello"})
    body = predictions(answer) if "status" in answer.json() else answer.json()
    path, filename, content_type = body.pop("file")
    assert path != filename
    assert (filename, content_type) == ("a.txt", "text/plain")
    assert body == {
        "content": "A",
        "more": ["B", "C"],
        "image": [1, 1, [1, 1]],
        "table": [["a", "b"], [[1, "x"], [2.5, "y"]]],
        "note": "hello",
    }


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"table": [{"a": 1}]}},
        {"json": {"table": {"columns": ["a"], "rows": [[1]]}}},
        {"data": {"table": "a\n1"}},
        {"files": {"table": ("t.csv", b"a\n1")}},
    ],
    ids=["objects", "columns and rows", "text", "file"],
)
def test_a_table_has_many_forms(predict: Predict, request_: dict[str, Any]) -> None:
    assert predict("files", **request_).json()["table"] == [["a"], [[1]]]


@pytest.mark.parametrize(
    ("request_", "messages"),
    [
        ({"data": {"file": "text"}}, {"file": [NOT_A_FILE]}),
        ({"params": {"file": "http://example.org/x"}}, {"file": [NOT_A_FILE]}),
        ({"json": {"file": "http://example.org/x"}}, {"file": [NOT_A_FILE]}),
        ({"files": {"image": ("i.png", b"no picture")}}, {"image": ["Not a valid image."]}),
        (
            {"files": {"table": ("t.csv", b"a,b\n1")}, "data": {"note": "too long"}},
            {
                "table": ["Row 0 of the CSV has 1 values, its header 2"],
                "note": ["String should have at most 5 characters"],
            },
        ),
    ],
    ids=["text", "url in query", "url in json", "no picture", "several"],
)
def test_what_is_no_file_is_said(
    predict: Predict, request_: dict[str, Any], messages: dict[str, Any]
) -> None:
    answer = predict("files", **request_)
    assert (answer.status_code, answer.json()) == (422, messages)


def test_the_signature_is_documented(site: Server) -> None:
    document = site.client.get("/openapi.json").json()
    operation = document["paths"]["/v2/models/kinds/predict/"]["post"]
    [ratio] = [p["schema"] for p in operation["parameters"] if p["name"] == "ratio"]
    assert (ratio["exclusiveMinimum"], ratio["maximum"]) == (0, 1)
    properties = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert properties["ratio"]["default"] == 0.5
    assert properties["choice"]["enum"] == ["a", "b"]
    assert properties["filled"]["default"] == 8
    name = properties["point"]["anyOf"][0]["$ref"].removeprefix("#/components/schemas/")
    assert document["components"]["schemas"][name]["required"] == ["x"]
    shown = site.client.get("/v2/models/kinds/").json()
    assert {"name": "ratio", "datatype": "FP64", "shape": [1]} in shown.pop("inputs")
    assert [shown.pop(key) for key in ("versions", "platform")] == [["0"], "modelport"]
    assert {one["name"] for one in shown.pop("outputs")} <= {"output"}
    assert shown == {
        "id": "kinds",
        "name": "kinds",
        "links": [{"rel": "self", "href": "/v2/models/kinds"}],
        "version": "1.2.3",
        "author": "A. Author",
        "description": "Every kind of hint.\n\nAnswers with what it got, and of which class.",
    }


def test_classes_of_one_name_are_documented_apart(predict: Predict, site: Server) -> None:
    answer = predict("same-names", json={"here": {"x": 1}, "there": {"latitude": 2, "box": {"left": 3}}})
    assert answer.json() == {"x": 1.0, "y": 0.0}
    document = site.client.get("/openapi.json").json()
    assert required_of(document, "same-names", "here") == ["x"]
    assert required_of(document, "same-names", "there") == ["latitude"]
    there = property_of(document, "same-names", "there")
    box = resolved(document, there["properties"]["box"]["anyOf"][0])
    assert box["required"] == ["left"]
    assert resolved(document, box["properties"]["inside"]["anyOf"][0])["required"] == ["x"]


def test_schemas_without_a_name_are_documented_apart(predict: Predict, site: Server) -> None:
    assert predict("two-boxes", json={"first": {"left": 1}}).json() == {"box": {"answered": 1}}
    document = site.client.get("/openapi.json").json()
    assert set(property_of(document, "two-boxes", "first")["properties"]) == {"left"}
    assert set(property_of(document, "two-boxes", "second")["properties"]) == {"right"}
    answer = document["paths"]["/v2/models/two-boxes/predict/"]["post"]["responses"]["200"]
    schema = resolved(document, answer["content"]["application/json"]["schema"])
    assert set(resolved(document, schema["properties"]["box"])["properties"]) == {"answered"}


def test_an_accept_argument_without_choices(predict: Predict) -> None:
    answer = predict("any-media", headers={"Accept": "application/json"})
    assert predictions(answer) == {"accept": "application/json"}
    assert predictions(predict("any-media", headers={"Accept": ""})) == {"accept": "*/*"}


def property_of(document: dict[str, Any], model: str, name: str) -> dict[str, Any]:
    """The schema of an argument in the JSON body."""
    body = document["paths"][f"/v2/models/{model}/predict/"]["post"]["requestBody"]
    return resolved(document, body["content"]["application/json"]["schema"]["properties"][name])


def required_of(document: dict[str, Any], model: str, name: str) -> list[str]:
    return property_of(document, model, name)["required"]


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed."""
    while "$ref" in schema or "allOf" in schema:
        reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = document["components"]["schemas"][reference.removeprefix("#/components/schemas/")]
    return schema
