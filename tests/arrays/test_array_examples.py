"""The example of the API documents is a request that is answered, and a table can be a file there."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from arrays_target import Predict, predictions
from serving import Server

JSON = "application/json"
DATES = "The model takes dates here: send the rows as Parquet or Arrow, which have them"


@pytest.fixture(scope="module")
def contents(site: Server) -> dict[str, Any]:
    """What the body of a prediction may be, by the name of the model."""
    paths = site.client.get("/openapi.json").json()["paths"]
    return {
        path.split("/")[3]: methods["post"]["requestBody"]["content"]
        for path, methods in paths.items()
        if path.endswith("/predict/") and "post" in methods
    }


@pytest.mark.parametrize(
    "model", ["iris", "named", "mixed", "coded", "boosted", "texts", "scaler", "several"]
)
def test_the_example_of_the_documents_is_answered(
    contents: dict[str, Any], predict: Predict, model: str
) -> None:
    [example] = contents[model][JSON]["schema"]["examples"]
    assert len(predictions(predict(model, json=example))) == 1


def test_the_example_has_the_names_and_the_categories_of_the_model(contents: dict[str, Any]) -> None:
    examples = {name: content[JSON]["schema"].get("examples") for name, content in contents.items()}
    assert examples["coded"] == [{"X": [{"when": "2024-01-01T00:00:00", "kind": 1, "flag": False}]}]
    assert examples["boosted"] == [{"X": [{"size": 0.0, "colour": "blue", "code": 1}]}]
    assert examples["picks"] is None  # a step of somebody's own, whose columns nobody knows


@pytest.mark.parametrize("model", ["iris", "mixed", "picks"])
def test_a_table_can_be_chosen_as_a_file(contents: dict[str, Any], model: str) -> None:
    rows = contents[model]["multipart/form-data"]["schema"]["properties"]["X"]
    assert (rows["type"], rows["format"]) == ("string", "binary")
    assert contents[model][JSON]["schema"]["properties"]["X"]["type"] == "array"


def test_text_is_a_date_where_an_encoder_has_seen_dates(predict: Predict) -> None:
    rows = [{"when": "2024-01-02", "kind": 2, "flag": False}]
    assert predictions(predict("coded", json={"X": rows})) == [0]
    csv = {"content": pd.DataFrame(rows).to_csv(index=False), "headers": {"Content-Type": "text/csv"}}
    assert predictions(predict("coded", **csv)) == [0]
    unknown = predict("coded", json={"X": [rows[0] | {"when": "2025-01-02"}]})
    assert unknown.status_code == 422
    assert unknown.json()["X"]["0"]["when"][0].startswith("Input should be one of 2024-01-01T00:00:00, ")
    no_date = predict("coded", json={"X": [rows[0] | {"when": "soon"}]})
    assert no_date.json() == {"X": {"0": {"when": ["Input should be a valid date and time"]}}}


@pytest.mark.parametrize("value", ["2024-01-05", "5 January", 1704412800, None])
def test_what_is_no_date_for_a_function_that_takes_dates_is_said(predict: Predict, value: Any) -> None:
    rows = [{"age": 30, "member": True, "when": value}]
    answer = predict("visits", json={"X": rows})
    assert (answer.status_code, answer.json()) == (422, {"X": {"0": {"when": [DATES]}}})
    csv = pd.DataFrame(rows).to_csv(index=False)
    answer = predict("visits", content=csv, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()) == (422, {"X": {"0": {"when": [DATES]}}})
