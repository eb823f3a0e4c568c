"""Predictions of rows as the clients of KServe V1, TensorFlow Serving, MLflow and SageMaker ask for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pandas
import pytest
from serving import ROOT, Server, serving

COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
SPECIES = ["setosa", "virginica"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    models = [f"{name.lower()}=tensor_models:{name}" for name in ("Adds", "Reads", "Fails", "Counts")]
    with serving(str(ROOT / "examples/iris/iris.py"), *models, "--default-model", "iris") as running:
        yield running


def predict(server: Server, model: str, **sent: Any) -> httpx.Response:
    return server.client.post(f"/v1/models/{model}:predict", json=sent)


def species(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["species"] for one in answer.json()["predictions"]["flowers"]]


FORMS = {
    "instances": {"instances": RECORDS},
    "inputs": {"inputs": RECORDS},
    "columns": {"inputs": {name: [row[number] for row in ROWS] for number, name in enumerate(COLUMNS)}},
    "split": {"dataframe_split": {"columns": COLUMNS, "index": [0, 1], "data": ROWS}},
    "records": {"dataframe_records": RECORDS},
    "by argument": {"inputs": {"flowers": RECORDS}},
    "by the name of TensorFlow": {"signature_name": "serving_default", "instances": RECORDS},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/v1/models/iris:predict", "/invocations"])
def test_rows_come_in_many_forms(server: Server, path: str, form: str) -> None:
    assert species(server.client.post(path, json=FORMS[form])) == SPECIES


def test_a_table_is_a_body(server: Server) -> None:
    text = pandas.DataFrame(RECORDS).to_csv(index=False)
    answer = server.client.post("/invocations", content=text, headers={"content-type": "text/csv"})
    assert species(answer) == SPECIES


MLFLOW = """
import json, sys
import pandas
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

host, port, rows = sys.argv[1:]
client = ScoringServerClient(host, int(port))
client.ping()
client.wait_server_ready(timeout=20)
found = client.invoke(pandas.DataFrame(json.loads(rows))).get_predictions()
try:
    client.invoke(pandas.DataFrame([{"other": 1.0}]))
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps([list(found["flowers"]), refused]))
"""


@pytest.mark.slow
def test_the_client_of_mlflow_reads_it(server: Server) -> None:
    """In a process of its own: to import it warns of much, and takes long."""
    address = httpx.URL(server.url)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        MLFLOW,
        address.host,
        str(address.port),
        json.dumps(RECORDS),
    ]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert asked.returncode == 0, asked.stderr
    found, refused = json.loads(asked.stdout)
    assert [flower["species"] for flower in found] == SPECIES
    assert "Missing column 'sepal_length'" in refused
    assert server.client.get("/version").text


def test_models_are_known(server: Server) -> None:
    assert server.client.get("/v1/models").json()["models"] == ["iris", "adds", "reads", "fails", "counts"]
    one = server.client.get("/v1/models/iris").json()  # has what OpenAI's clients read, too
    assert (one["name"], one["ready"]) == ("iris", True)
    assert server.client.get("/v1/models/nothing").status_code == 404
    explained = server.client.post("/v1/models/iris:explain", json={"instances": []})
    assert (explained.status_code, explained.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_an_instance_has_the_arguments_of_a_prediction(server: Server) -> None:
    answer = predict(server, "adds", instances=[{"x": [1, 2], "k": 2}]).json()
    assert answer["predictions"] == [{"sum": [3, 4], "name": "", "tags": [], "whole": {"shape": [2]}}]
    answer = predict(server, "adds", instances=[1, 2], params={"k": 3}).json()
    assert answer["predictions"]["sum"] == [4, 5]
    assert predict(server, "counts", instances=[4]).json() == {"predictions": [4]}
    assert "send one at a time" in error(predict(server, "counts", instances=[4, 5]))
    assert "send one at a time" in error(predict(server, "adds", instances=[{"x": [1]}, {"x": [2]}]))


def error(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["error"] == told["message"]
    assert told["error_code"]
    return told["error"]


@pytest.mark.parametrize(
    ("sent", "words", "status"),
    [
        ({}, "none of them is there", 400),
        ({"instances": [1], "inputs": [1]}, "instances and inputs are there", 400),
        ({"instances": 1}, "instances must be a list", 400),
        ({"instances": [1], "rows": [1]}, "'rows' is unknown", 422),
        ({"instances": [1], "params": 1}, "params must be an object", 400),
        ({"instances": [1], "signature_name": "other"}, "signature_name", 400),
        ({"dataframe_split": [1]}, "dataframe_split must be an object", 400),
        ({"dataframe_records": {"a": 1}}, "dataframe_records must be a list", 400),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "a list as long as the others", 400),
        ({"instances": [1], "params": {"other": 1}}, "other: ", 400),
    ],
)
def test_what_is_malformed_is_refused(server: Server, sent: dict[str, Any], words: str, status: int) -> None:
    assert words in error(predict(server, "adds", **sent), status)


def test_errors_are_in_the_words_of_their_clients(server: Server) -> None:
    assert error(predict(server, "fails", instances=[0]), 418) == "I am a teapot"
    assert error(predict(server, "fails", instances=[2]), 500) == "the secret of the model"
    missing = predict(server, "nothing", instances=[1])
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "no form" in error(server.client.post("/invocations", files={"x": b"1"}), 415)
    assert "option 'k'" in error(server.client.post("/invocations?k=1", json={"instances": [1]}), 422)
    assert "valid JSON" in error(server.client.post("/invocations", content=b"{"))
