"""What a model says of its forms: `layout` and `examples`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel

import modelport
from modelport.contract.errors import ModelLoadError
from modelport.contract.typed import TypedModel


class Verse(modelport.Model):
    """Two verbs, to be laid out."""

    def predict(
        self,
        prompt: str,
        length: int = 3,
        table: modelport.Table | None = None,
        file: modelport.File | None = None,
    ) -> dict[str, float]:
        return {}

    def train(self, epochs: int = 1) -> None: ...


def made(**said: Any) -> TypedModel:
    return TypedModel(type("Verse", (Verse,), said)(), "verse")


def test_a_layout_and_examples_are_part_of_the_signature() -> None:
    layout = {
        "predict": {
            "order": ["length"],
            "labels": {"prompt": "Begins with"},
            "hidden": ["file"],
            "first_output": "x",
        },
        "train": {"groups": [{"title": "More", "arguments": ["epochs"], "closed": True}]},
    }
    examples = {
        "one": {"prompt": "O", "table": [{"a": 1}], "file": "data:text/plain,hello"},
        "two": {"prompt": ""},
    }
    signature = made(layout=layout, examples=examples).signature
    assert signature.predict.layout is not None
    assert signature.predict.layout.order == ["length"]
    assert signature.predict.layout.labels == {"prompt": "Begins with"}
    assert signature.train.layout is not None
    assert signature.train.layout.groups[0].closed
    assert [(one.title, one.arguments) for one in signature.predict.examples] == list(examples.items())


def test_a_model_that_says_nothing_has_none() -> None:
    signature = made().signature
    assert (signature.predict.layout, signature.predict.examples) == (None, [])


def test_elsewhere_the_names_mean_something_else() -> None:
    other = type("Other", (), {"layout": 7, "examples": [1], "predict": Verse.predict})
    assert TypedModel(other(), "other").signature.predict.examples == []


class Reading(BaseModel):
    text: str
    words: int


ANSWERS: list[tuple[Any, str, str]] = [
    (Reading, "tex", "first_output has 'tex', which is no member of the answer; did you mean 'text'"),
    (Reading | None, "x", "first_output has 'x', which is no member of the answer; there are text, words"),
    (list[Reading], "tex", "first_output has 'tex', which is no member of the answer; did you mean 'text'"),
    (float, "x", "first_output has 'x', but the answer has no members: it is of type number"),
    (Reading, "words", ""),
    (list[Reading], "text", ""),
    (dict[str, float], "x", ""),
    (Any, "x", ""),
]


@pytest.mark.parametrize(("returned", "first", "words"), ANSWERS)
def test_the_first_output_is_a_member_of_the_answer(returned: Any, first: str, words: str) -> None:
    def predict(self: Any) -> Any: ...

    predict.__annotations__["return"] = returned
    said = {"predict": predict, "layout": {"predict": {"first_output": first}}}
    model = type("Reader", (modelport.Model,), said)()
    if words:
        with pytest.raises(ModelLoadError, match=re.escape(f"layout['predict']: {words}")):
            TypedModel(model, "reader")
    else:
        layout = TypedModel(model, "reader").signature.predict.layout
        assert layout is not None
        assert layout.first_output == first


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"layout": []}, "layout is no dictionary of verbs, but a list"),
        (
            {"layout": {"validate": {}}},
            "layout has 'validate', which is no verb of the model; it has predict and train",
        ),
        ({"layout": {"predict": {"ordr": []}}}, r"layout\['predict'\]: Object contains unknown field `ordr`"),
        (
            {"layout": {"predict": {"order": [1]}}},
            r"layout\['predict'\]: Expected `str`, got `int` - at `\$.order\[0\]`",
        ),
        (
            {"layout": {"predict": {"order": ["promt"]}}},
            "order has 'promt', which is no argument; did you mean 'prompt'",
        ),
        (
            {"layout": {"train": {"labels": {"x": "X"}}}},
            "labels has 'x', which is no argument; there are epochs",
        ),
        (
            {"layout": {"predict": {"hidden": ["prompt"]}}},
            "hidden has 'prompt', without which nobody can call",
        ),
        ({"layout": {"train": {"order": ["epochs", "epochs"]}}}, "order has 'epochs' twice"),
        ({"examples": [{"prompt": "O"}]}, "examples is no dictionary of arguments by the title of each"),
        ({"examples": {"one": {}}}, r"examples\['one'\] lacks 'prompt'"),
        (
            {"examples": {"one": {"prompt": 3}}},
            r"examples\['one'\]\['prompt'\]: Input should be a valid string",
        ),
        ({"examples": {"one": {"prompt": "", "z": 1}}}, r"examples\['one'\] has 'z', which is no argument"),
        (
            {"examples": {"one": {"prompt": "", "file": "a.png"}}},
            r"\['file'\] is a file, which an example has as a data: URI",
        ),
        ({"examples": {"one": {"prompt": "", "table": 3}}}, r"examples\['one'\]\['table'\]"),
    ],
)
def test_what_cannot_be_used_is_named_at_load(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelLoadError, match=words):
        made(**said)
