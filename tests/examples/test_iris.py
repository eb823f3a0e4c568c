"""The iris example: a table in, by the typed contract."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import modelport
from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.contract.served import ServedModel
from modelport.contract.uploaded_file import UploadedFile

SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}


def bind(model: ServedModel, flowers: Any) -> dict[str, Any]:
    """As JSON arrives: parsed, and as the bytes it was."""
    body = {"flowers": flowers}
    return model.bind("predict", Places(json=body, raw_json=json.dumps(body).encode()))


def rows(model: ServedModel, answer: Any) -> list[dict[str, Any]]:
    """The answer as a client gets it."""
    return json.loads(model.check_answer(answer))["flowers"]


def ask(model: ServedModel, flowers: Any) -> list[dict[str, Any]]:
    return rows(model, model.call("predict", bind(model, flowers)))


def species(model: ServedModel, flowers: Any) -> list[str]:
    return [flower["species"] for flower in ask(model, flowers)]


def test_signature(iris: ServedModel) -> None:
    signature = iris.signature
    assert (signature.name, signature.contract, signature.problems) == ("iris", "typed", [])
    assert signature.metadata["version"] == "1.0.0"
    assert signature.metadata["description"].startswith("Names the species of iris flowers")
    assert [a.name for a in signature.predict.arguments] == ["flowers"]
    assert signature.predict.arguments[0].required
    assert signature.predict.max_batch_size == 64
    assert not signature.train.implemented
    assert signature.predict.answer is not None


def test_measured_accuracy(iris: Any) -> None:
    assert iris.model.accuracy >= 0.95


def test_csv_upload(iris: ServedModel, examples: Path) -> None:
    path = examples / "iris" / "flowers.csv"
    form: dict[str, Any] = {"flowers": [UploadedFile("flowers", str(path), "text/csv", "flowers.csv")]}
    answer = rows(iris, iris.call("predict", iris.bind("predict", Places(form=form))))
    with path.open(newline="") as file:
        truth = [row["species"] for row in csv.DictReader(file)]
    assert [flower["species"] for flower in answer] == truth
    assert set(truth) == {"setosa", "versicolor", "virginica"}


def test_answer_in_full(iris: ServedModel) -> None:
    (flower,) = ask(iris, [SETOSA])
    assert flower["species"] == "setosa"
    assert set(flower["probabilities"]) == {"setosa", "versicolor", "virginica"}
    assert flower["probability"] == max(flower["probabilities"].values()) > 0.9
    assert sum(flower["probabilities"].values()) == pytest.approx(1)


def test_forms_of_a_table(iris: ServedModel) -> None:
    columns = ["colour", *reversed(SETOSA)]
    values = [["blue", *reversed(flower.values())] for flower in (SETOSA, VIRGINICA)]
    assert species(iris, [SETOSA, VIRGINICA]) == ["setosa", "virginica"]
    assert species(iris, {"columns": columns, "rows": values}) == ["setosa", "virginica"]
    text = "sepal_length,sepal_width,petal_length,petal_width\r\n6.3,3.3,6,2.5\r\n"
    assert species(iris, text) == ["virginica"]


def test_no_flowers(iris: ServedModel) -> None:
    assert ask(iris, ",".join(SETOSA) + "\n") == []


WRONG: dict[str, tuple[Any, str]] = {
    "no columns": ([], "Missing column 'sepal_length'"),
    "missing column": (
        [{k: v for k, v in SETOSA.items() if k != "petal_width"}],
        "Missing column 'petal_width'",
    ),
    "text": ([SETOSA, SETOSA | {"petal_width": "wide"}], "Row 1, column 'petal_width': 'wide'"),
    "null": ([SETOSA | {"sepal_width": None}], "Row 0, column 'sepal_width'"),
    "true": ([SETOSA | {"sepal_width": True}], "Row 0, column 'sepal_width'"),
    "list": ([SETOSA | {"sepal_width": [1]}], "Row 0, column 'sepal_width'"),
    "empty cell": (",".join(SETOSA) + "\n1,2,,4\n", "Row 0, column 'petal_length': it is empty"),
    "nan": (",".join(SETOSA) + "\n1,2,3,4\n1,nan,3,4\n", "Row 1, column 'sepal_width': it is empty"),
    "infinite": (",".join(SETOSA) + "\n1,2,3,inf\n", "Row 0, column 'petal_width': 'inf'"),
    "negative": ([SETOSA | {"petal_length": -1}], "Row 0, column 'petal_length': -1"),
    "zero": ([SETOSA | {"petal_length": 0}], "Row 0, column 'petal_length': 0"),
    "millimetres": ([SETOSA | {"petal_length": 140}], "Row 0, column 'petal_length': 140"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_values_are_named(iris: ServedModel, kind: str) -> None:
    flowers, words = WRONG[kind]
    with pytest.raises(modelport.HTTPError) as caught:
        iris.call("predict", bind(iris, flowers))
    assert caught.value.status == 422
    assert words in caught.value.reason


def test_number_beyond_floating_point(iris: ServedModel) -> None:
    with pytest.raises(modelport.HTTPError) as caught:
        iris.call("predict", bind(iris, ",".join(SETOSA) + "\n1,2,3," + "9" * 400 + "\n"))
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "flowers", [7, None, {"columns": ["a"]}, [SETOSA, {}], {"columns": ["a"], "rows": [[1, 2]]}]
)
def test_no_table(iris: ServedModel, flowers: Any) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        bind(iris, flowers)
    assert list(caught.value.messages) == ["flowers"]


def test_nothing_sent(iris: ServedModel) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        iris.bind("predict", Places())
    assert caught.value.messages == {"flowers": ["Missing data for required field."]}


def test_batch_answers_each_call_as_alone(iris: ServedModel) -> None:
    tables: list[Any] = [
        [SETOSA],
        [VIRGINICA, SETOSA],
        ",".join(SETOSA) + "\n",
        [SETOSA | {"petal_width": "x"}],
        [VIRGINICA],
    ]
    answers = iris.call_batch([bind(iris, table) for table in tables])
    assert isinstance(answers[3], modelport.HTTPError)
    for i in (0, 1, 2, 4):
        for flower, alone in zip(rows(iris, answers[i]), ask(iris, tables[i]), strict=True):
            assert flower["species"] == alone["species"]
            assert flower["probabilities"] == pytest.approx(alone["probabilities"])


def test_batch_of_wrong_tables_only(iris: ServedModel) -> None:
    answers = iris.call_batch([bind(iris, [{"a": 1}]), bind(iris, [{"b": 1}])])
    assert [answer.status for answer in answers] == [422, 422]


def test_predict_without_a_batch(iris: Any) -> None:
    answer = iris.model.predict(modelport.Table(list(SETOSA), [list(SETOSA.values())]))
    assert answer.flowers[0].species == "setosa"
