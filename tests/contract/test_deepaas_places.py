"""Every place of a request, every kind of field: what a DEEPaaS model gets, present, absent and repeated."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest
import webargs.fields
from marshmallow import fields
from webargs import validate

from modelport.contract.deepaas import DeepaasModel
from modelport.contract.errors import ArgumentErrors, BadRequest
from modelport.contract.places import Places
from modelport.contract.uploaded_file import UploadedFile

CHOICES = ["application/json", "text/plain"]
UPLOAD = UploadedFile("x", "/tmp/x", "text/plain", "x.txt")
ABSENT = "absent"


class Doubled(fields.Field):
    """A field of the model's own that says of itself that it takes every value of a key."""

    is_multiple = True

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return [item * 2 for item in value]


class Point(webargs.fields.ma.Schema):
    x = fields.Int()


class Level(enum.Enum):
    LOW = 1
    HALF = 0.5
    AUTO = "auto"


class Asking:
    """A model with the field of one case."""

    def __init__(self, field: fields.Field, name: str = "x"):
        self.field = field
        self.name = name

    def get_predict_args(self) -> dict[str, Any]:
        return {self.name: self.field}

    def get_train_args(self) -> dict[str, Any]:
        return {self.name: self.field}

    def predict(self, **arguments: Any) -> Any:
        return arguments

    train = predict


def bound(field: fields.Field, places: Places, verb: str = "predict", name: str = "x") -> Any:
    return DeepaasModel(Asking(field, name), "m").bind(verb, places).get(name, ABSENT)


def in_place(place: str, values: list[str]) -> Places:
    """A request that has `x` in a place, once for each value."""
    if place == "headers":
        return Places(headers={"x": "\n".join(values)} if values else {})
    if place == "cookies":
        return Places(headers={"cookie": "; ".join(["other=0", *(f"x={value}" for value in values)])})
    given: Any = {"x": list(values)} if values else {}
    return Places(form=given) if place in ("form", "files") else Places(query=given)


def field_of(make: Callable[..., fields.Field], place: str) -> fields.Field:
    return make(metadata={"location": {"any": None, "query": "querystring"}.get(place, place)})


# What is asked for; what arrives of "5", and of "5" and "6".
KINDS: dict[str, tuple[Callable[..., fields.Field], Any, Any]] = {
    "text": (fields.Str, "5", "5"),
    "number": (fields.Int, 5, 5),
    "anything": (fields.Raw, "5", "5"),
    "list": (lambda **k: fields.List(fields.Int(), **k), [5], [5, 6]),
    "pair": (lambda **k: fields.Tuple((fields.Int(), fields.Str()), **k), ..., (5, "6")),
    "lone": (lambda **k: fields.Tuple((fields.Int(),), **k), (5,), ...),
    "csv": (lambda **k: webargs.fields.DelimitedList(fields.Int(), **k), [5], [5, 6]),
    "own": (Doubled, ["55"], ["55", "66"]),
    "points": (lambda **k: fields.Pluck(Point, "x", many=True, **k), [{"x": 5}], [{"x": 5}, {"x": 6}]),
}
TEXT_PLACES = ("any", "query", "form", "headers", "cookies")


@pytest.mark.parametrize("place", TEXT_PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_text_in_every_place_for_every_kind_of_field(kind: str, place: str) -> None:
    make, once, twice = KINDS[kind]
    field = field_of(make, place)
    assert bound(field, in_place(place, [])) == ABSENT
    for values, expected in ((["5"], once), (["5", "6"], twice)):
        if expected is ...:
            with pytest.raises(ArgumentErrors):
                bound(field, in_place(place, values))
        else:
            assert bound(field, in_place(place, values)) == expected


@pytest.mark.parametrize("place", TEXT_PLACES)
@pytest.mark.parametrize(
    ("make", "text", "expected"),
    [
        (lambda **k: fields.Enum(Level, by_value=True, **k), "1", Level.LOW),
        (lambda **k: fields.Enum(Level, by_value=True, **k), "0.5", Level.HALF),
        (lambda **k: fields.Enum(Level, by_value=True, **k), "auto", Level.AUTO),
        (lambda **k: fields.Enum(Level, **k), "LOW", Level.LOW),
        (lambda **k: fields.List(fields.Enum(Level, by_value=True), **k), "1", [Level.LOW]),
        (lambda **k: fields.Raw(validate=validate.OneOf([1, True]), **k), "1", 1),
        (lambda **k: fields.Raw(validate=validate.OneOf([1, True]), **k), "true", True),
        (lambda **k: fields.Int(validate=validate.OneOf([1, 3]), **k), "3", 3),
        (lambda **k: fields.Str(validate=validate.OneOf(["1"]), **k), "1", "1"),
        (lambda **k: fields.Str(**k), '{"x": 5}', '{"x": 5}'),
        (lambda **k: fields.Nested(Point, **k), '{"x": "5"}', {"x": 5}),
        (lambda **k: fields.Nested(Point, allow_none=True, **k), '{"x": 5}', {"x": 5}),
        (lambda **k: fields.List(fields.Nested(Point), **k), '{"x": 5}', [{"x": 5}]),
        (lambda **k: fields.Dict(**k), '{"a": [1]}', {"a": [1]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_text_is_read_as_the_choice_or_the_object_that_the_field_names(
    make: Callable[..., fields.Field], text: str, expected: Any, place: str
) -> None:
    got = bound(field_of(make, place), in_place(place, [text]))
    assert (got, type(got)) == (expected, type(expected))


@pytest.mark.parametrize("text", ['["a","b"]', "[1,2]"])
@pytest.mark.parametrize("place", TEXT_PLACES)
def test_a_list_written_as_json_is_one_element_as_in_deepaas(place: str, text: str) -> None:
    """webargs 5.5 takes each value of a key for an element; no text of it is read as JSON."""
    field = field_of(lambda **k: fields.List(fields.Str(), **k), place)
    assert bound(field, in_place(place, [text])) == [text]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (fields.Enum(Level, by_value=True), "2", "Must be one of: 1, 0.5, auto"),
        (fields.Dict(), "{'a': 1}", "Not a valid mapping type"),
        (fields.Nested(Point), '{"x": "y"}', "Not a valid integer"),
    ],
)
def test_text_that_is_no_such_value_is_refused_as_the_field_does(
    field: fields.Field, text: str, said: str
) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        bound(field, Places(query={"x": [text]}))
    assert said in str(caught.value.messages["x"])


@pytest.mark.parametrize("place", ["any", "json"])
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (fields.Str(), "5", "5"),
        (fields.List(fields.Int()), [5, 6], [5, 6]),
        (fields.List(fields.Int()), 5, [5]),
        (fields.Tuple((fields.Int(), fields.Str())), [5, "z"], (5, "z")),
        (webargs.fields.DelimitedList(fields.Int()), [5, 6], [5, 6]),
        (webargs.fields.DelimitedList(fields.Int()), "5,6", [5, 6]),
        (fields.Nested(Point), {"x": "5"}, {"x": 5}),
        (fields.Nested(Point, many=True), [{"x": 5}], [{"x": 5}]),
        (fields.Dict(), {"a": 1}, {"a": 1}),
        (Doubled(), ["5", "6"], ["55", "66"]),
    ],
    ids=repr,
)
def test_json_for_every_kind_of_field(field: fields.Field, value: Any, expected: Any, place: str) -> None:
    field.metadata["location"] = None if place == "any" else place
    assert bound(field, Places(json={"x": value})) == expected
    assert bound(field, Places()) == ABSENT


@pytest.mark.parametrize("place", ["files", "form"])
def test_files_alone_and_in_lists(place: str) -> None:
    mark = {"type": "file", "location": place}
    one = fields.Raw(metadata=mark)
    several = fields.List(fields.Raw(), metadata=mark)
    pair = fields.Tuple((fields.Raw(metadata=mark), fields.Raw(metadata=mark)))
    twice = Places(form={"x": [UPLOAD, UPLOAD]})
    assert bound(one, Places(form={"x": [UPLOAD]})) == bound(one, twice) == UPLOAD
    assert bound(several, Places(form={"x": [UPLOAD]})) == [UPLOAD]
    assert bound(several, twice) == [UPLOAD, UPLOAD]
    assert bound(pair, twice) == (UPLOAD, UPLOAD)
    assert bound(one, Places()) == bound(several, Places()) == ABSENT
    with pytest.raises(ArgumentErrors, match="x"):
        bound(one, Places(form={"x": ["no file"]}))


@pytest.mark.parametrize("place", [*TEXT_PLACES, "json"])
def test_a_place_is_not_looked_for_elsewhere(place: str) -> None:
    here = fields.Str(metadata={"location": place})
    everywhere = {
        "query": Places(query={"x": ["q"]}),
        "form": Places(form={"x": ["f"]}),
        "json": Places(json={"x": "j"}),
        "headers": Places(headers={"x": "h"}),
        "cookies": Places(headers={"cookie": "x=c"}),
    }
    found = {name for name, places in everywhere.items() if bound(here, places) != ABSENT}
    assert found == ({"query", "form", "json"} if place == "any" else {place})


@pytest.mark.parametrize("name", ["match_info", "path", "view_args"])
def test_a_place_that_no_request_has_is_told(name: str) -> None:
    model = DeepaasModel(Asking(fields.Str(metadata={"location": name})), "m")
    [problem, _] = model.signature.problems  # once for predict, once for train
    assert f"get_predict_args(): 'x' has the location {name!r}, which is none of form, query" in problem
    assert model.bind("predict", Places(query={"x": ["5"]})) == {"x": "5"}


# The argument `accept`, as the template of DEEPaaS has it: (places, what a prediction gets, what a training).
ACCEPTS: dict[str, tuple[Places, Any, Any]] = {
    "nothing": (Places(), "application/json", "application/json"),
    "a header": (Places(accept="text/plain"), "text/plain", "text/plain"),
    "anything": (Places(accept="*/*"), "application/json", "application/json"),
    "curl": (Places(accept="application/json"), "application/json", "application/json"),
    "a browser": (Places(accept="text/html,*/*;q=0.8"), "application/json", "application/json"),
    "weights": (Places(accept="text/plain, application/json;q=0.5"), "text/plain", "text/plain"),
    "two headers": (Places(accept="image/png,text/plain"), "text/plain", "text/plain"),
    "none of them": (Places(accept="text/html"), BadRequest, "application/json"),
}


@pytest.mark.parametrize("case", ACCEPTS)
@pytest.mark.parametrize("place", [*TEXT_PLACES, "json"])
def test_accept_is_filled_from_the_header_wherever_it_is_looked_for(place: str, case: str) -> None:
    places, predicts, trains = ACCEPTS[case]
    rule = validate.OneOf(CHOICES)
    field = fields.Str(metadata={"location": place}, load_default="application/json", validate=rule)
    assert bound(field, places, "train", "accept") == trains
    if predicts is BadRequest:
        with pytest.raises(BadRequest, match="cannot answer 'text/html'; can answer application/json, text"):
            bound(field, places, "predict", "accept")
    else:
        assert bound(field, places, "predict", "accept") == predicts


@pytest.mark.parametrize("place", ["any", "query", "form", "json", "headers"])
def test_accept_as_an_argument_stands_before_the_header(place: str) -> None:
    given: dict[str, Any] = {"accept": "text/plain"}
    there = Places(accept="application/json")
    where = "query" if place == "any" else place
    setattr(there, where, given if where in ("json", "headers") else {"accept": ["text/plain", "x/y"]})
    field = fields.Str(metadata={"location": place}, validate=validate.OneOf(CHOICES))
    wanted = "application/json" if place == "headers" else "text/plain"  # which is the Accept header itself
    assert bound(field, there, name="accept") == wanted


@pytest.mark.parametrize(
    ("default", "choices", "header", "chosen"),
    [
        ("image/tiff", CHOICES, None, "application/json"),  # the first, as DEEPaaS has it
        ("text/plain", CHOICES, None, "application/json"),
        ("text/plain", CHOICES, "*/*", "application/json"),
        (None, ["image/*", "text/plain"], "image/png", "image/*"),
        (None, ["image/*"], "text/plain, image/webp;q=0.1", "image/*"),
        (None, ["text/plain", "image/*"], "image/png;q=0.2, text/*;q=0.1", "image/*"),
        (None, ["image/*"], "text/plain", BadRequest),
        (None, [*CHOICES, "*/*"], "image/png", "*/*"),
    ],
)
def test_which_media_type_is_chosen(default: Any, choices: list[str], header: Any, chosen: Any) -> None:
    field = fields.Str(load_default=default, validate=validate.OneOf(choices))
    if chosen is BadRequest:
        with pytest.raises(BadRequest):
            bound(field, Places(accept=header), name="accept")
    else:
        assert bound(field, Places(accept=header), name="accept") == chosen


def test_a_list_called_accept_is_a_list_of_headers() -> None:
    field = fields.List(fields.Str(), metadata={"location": "headers"})
    places = Places(headers={"accept": "text/plain\nimage/png"}, accept="text/plain,image/png")
    assert bound(field, places, name="accept") == ["text/plain", "image/png"]
