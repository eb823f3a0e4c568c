"""Array models over HTTP: the answers are the model's own, whatever form the rows have."""

from __future__ import annotations

import io
import json
from typing import Any

import array_models as models
import numpy as np
import pandas as pd
import pytest
from arrays_target import Predict, predictions
from serving import Server

TABLE = pd.DataFrame(models.ROWS, columns=models.NAMES)
LABELS = models.named.predict(TABLE).tolist()


def as_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def as_parquet(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet(index=False)


def as_arrow(frame: pd.DataFrame, kind: str = "new_stream") -> bytes:
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    buffer = io.BytesIO()
    with getattr(pa.ipc, kind)(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


TABLES = {
    "text/csv": as_csv(TABLE),
    "application/vnd.apache.parquet": as_parquet(TABLE),
    "application/vnd.apache.arrow.stream": as_arrow(TABLE),
    "application/vnd.apache.arrow.file": as_arrow(TABLE, "new_file"),
}


def test_one_row_is_answered_bit_for_bit(predict: Predict) -> None:
    for row in models.ROWS[::15]:
        expected = models.iris.predict_proba([row]).tolist()
        assert predictions(predict("iris", json={"X": [row], "predict_proba": True})) == expected


def test_a_request_is_answered_bit_for_bit(predict: Predict) -> None:
    answer = predict("iris", json={"X": models.ROWS, "decision_function": True})
    assert predictions(answer) == models.iris.decision_function(models.ROWS).tolist()


@pytest.mark.parametrize(
    "rows",
    [
        models.ROWS,
        TABLE.to_dict("records"),
        [dict(reversed(row.items())) for row in TABLE.to_dict("records")],
        {"columns": models.NAMES[::-1], "rows": [row[::-1] for row in models.ROWS]},
        [models.ROWS[0], *TABLE.to_dict("records")[1:]],
    ],
    ids=["lists", "objects", "other order", "columns and rows", "both"],
)
def test_rows_in_every_form(predict: Predict, rows: Any) -> None:
    assert predictions(predict("named", json={"X": rows})) == LABELS
    assert predictions(predict("named", data={"X": json.dumps(rows)})) == LABELS


@pytest.mark.parametrize("media_type", TABLES)
def test_a_table_as_the_body(predict: Predict, media_type: str) -> None:
    answer = predict("named", content=TABLES[media_type], headers={"Content-Type": media_type})
    assert predictions(answer) == LABELS


@pytest.mark.parametrize("media_type", TABLES)
@pytest.mark.parametrize("told", [True, False])
def test_a_table_as_an_upload(predict: Predict, media_type: str, told: bool) -> None:
    kind = media_type if told else "application/octet-stream"
    assert predictions(predict("named", files={"X": ("table", TABLES[media_type], kind)})) == LABELS


def test_options_beside_a_table(predict: Predict) -> None:
    answer = predict(
        "iris",
        content=TABLES["text/csv"],
        headers={"Content-Type": "text/csv"},
        params={"predict_proba": "1"},
    )
    assert predictions(answer) == models.iris.predict_proba(models.ROWS).tolist()


def test_rows_in_a_query_string(predict: Predict) -> None:
    row = json.dumps(models.ROWS[0])
    assert predictions(predict("iris", params={"X": f"[{row}]"})) == [0]
    assert predictions(predict("iris", params={"X": row})) == [0]
    assert predictions(predict("iris", params={"X": [row, row]})) == [0, 0]
    assert predictions(predict("texts", params={"X": ["good", "bad"]})) == ["yes", "no"]


def test_columns_of_several_types_and_missing_values(predict: Predict) -> None:
    rows: list[Any] = [{"age": None, "city": "Rome"}, {"age": 41, "city": "Oslo"}]
    expected = models.mixed.predict(pd.DataFrame(rows)).tolist()
    assert predictions(predict("mixed", json={"X": rows})) == expected
    answer = predict("mixed", content=b"city,age\nRome,\nOslo,41\n", headers={"Content-Type": "text/csv"})
    assert predictions(answer) == expected


def test_texts_transformers_and_several_outputs(predict: Predict) -> None:
    assert predictions(predict("texts", json={"X": ["a good film", "bad"]})) == ["yes", "no"]
    assert (
        predictions(predict("scaler", json={"X": models.ROWS}))
        == models.scaler.transform(models.ROWS).tolist()
    )
    assert predictions(predict("several", json={"X": [[0, 0]]})) == [[0, 1]]
    probabilities = models.several.predict_proba([[0, 0]])
    assert predictions(predict("several", json={"X": [[0, 0]], "predict_proba": True})) == {
        "output_0": probabilities[0].tolist(),
        "output_1": probabilities[1].tolist(),
    }


def test_the_signature_comes_from_the_model(site: Server) -> None:
    about = site.client.get("/v2/models/named/").json()
    assert (about["framework"], about["model"]) == ("sklearn", "DecisionTreeClassifier")
    assert about["classes"] == ["setosa", "versicolor", "virginica"]
    document = site.client.get("/openapi.json").json()
    body = document["paths"]["/v2/models/named/predict/"]["post"]["requestBody"]["content"][
        "application/json"
    ]
    properties = body["schema"]["properties"]
    assert list(properties) == ["X", "predict_proba"]
    assert properties["X"]["items"]["anyOf"][1]["required"] == models.NAMES
    mixed = document["paths"]["/v2/models/mixed/predict/"]["post"]["requestBody"]["content"][
        "application/json"
    ]
    by_column = mixed["schema"]["properties"]["X"]["items"]["anyOf"][1]["properties"]
    assert by_column["age"]["type"] == ["number", "boolean", "null"]
    assert by_column["city"]["type"] == ["string", "null"]


def test_many_requests_at_once_are_each_answered(site: Server) -> None:
    import concurrent.futures

    def one(number: int) -> Any:
        rows = models.ROWS[number : number + 1 + number % 3]
        request = {"X": rows, "predict_proba": number % 2 == 1}
        answer = site.client.post("/v2/models/iris/predict/", json=request)
        return rows, number % 2 == 1, predictions(answer)

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        for rows, proba, got in threads.map(one, range(120)):
            expected = models.iris.predict_proba(rows) if proba else models.iris.predict(rows)
            np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_plain_objects_have_their_parameters_as_arguments(predict: Predict) -> None:
    assert predictions(predict("Rows", json={"X": [[1], 2]})) == [[False, [1]], [False, 2]]
    assert predictions(predict("Rows", json={"X": [], "flag": "yes"})) == []
    assert predictions(predict("Several", json={"first": [1.5, 2], "second": 2})) == [3.0, 4, "c"]
    assert predictions(predict("Several", params={"first": "[1]", "second": "3", "third": "z"})) == [3, "z"]
    assert predictions(predict("Arrays", json={"X": [[1, 2], [3, 4]]})) == [3, 7]
    assert predictions(predict("called", json={"X": [3], "power": 3})) == [27]
