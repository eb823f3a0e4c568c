"""Models in tracking stores of MLflow, served by a process of their own."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow_store as store
import pytest
from cli.cli_process import modelport
from mlflow_refusals import error_line, refusals
from mlflow_store import ORDERS, ROWS
from serving import Server, serving

OTHERS = ("narrow", "boosted", "exported", "orders", "tensors", "words", "unsigned")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, Any]:
    return store.made_store(folder)


@pytest.fixture(scope="module")
def variables(folder: Path, models: dict[str, Any]) -> dict[str, str]:
    return {"MLFLOW_TRACKING_URI": store.tracking_uri(folder)}


@pytest.fixture(scope="module")
def server(models: dict[str, Any], variables: dict[str, str]) -> Iterator[Server]:
    run = f"mlflow:runs:/{models['run']}"
    sources = [
        "mlflow:models:/iris flowers@champion",
        "second=mlflow:models:/iris flowers/latest",
        f"{run}/pickled",
        f"{run}/likely",
        f"logged=mlflow:{models['flowers']['uri']}",
        *(
            f"{run}/{name}"
            for name in ("narrow", "boosted", "exported", "orders", "tensors", "words", "unsigned")
        ),
    ]
    with serving(*sources, "--trust", "--workers", "1", **variables) as running:
        yield running


def predict(server: Server, name: str, **arguments: Any) -> Any:
    answer = server.client.post(f"/v2/models/{name}/predict/", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def refused(server: Server, name: str, **arguments: Any) -> Any:
    answer = server.client.post(f"/v2/models/{name}/predict/", json=arguments)
    assert answer.status_code == 422, answer.text
    return answer.json()


@pytest.mark.parametrize("name", ["iris-flowers", "pickled", "logged"])
def test_answers_are_those_of_the_estimator(server: Server, models: dict[str, Any], name: str) -> None:
    expected = models["flowers"]
    assert predict(server, name, X=ROWS) == expected["predictions"]
    assert predict(server, name, X=ROWS, predict_proba=True) == expected["probabilities"]


def test_a_version_is_the_one_that_was_named(server: Server, models: dict[str, Any]) -> None:
    assert predict(server, "second", X=ROWS, predict_proba=True) == models["flowers"]["second"]
    about = server.client.get("/v2/models/second/").json()["mlflow"]
    assert (about["version"], about["uri"]) == ("2", "models:/iris flowers/2")
    about = server.client.get("/v2/models/iris-flowers/").json()["mlflow"]
    assert (about["version"], about["flavor"], about["run_id"]) == ("1", "sklearn", models["run"])
    assert about["model_id"] == models["flowers"]["uri"].removeprefix("models:/")


def test_the_method_that_was_recorded_predicts(server: Server, models: dict[str, Any]) -> None:
    assert predict(server, "likely", X=ROWS) == models["flowers"]["probabilities"]


def test_the_columns_are_those_of_the_signature(server: Server, models: dict[str, Any]) -> None:
    columns = models["flowers"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in ROWS]
    assert predict(server, "iris-flowers", X=rows) == models["flowers"]["predictions"]
    said = refused(server, "iris-flowers", X=[dict(rows[0], extra=1)])
    assert "extra" in str(said)
    document = server.client.get("/openapi.json").text
    assert all(column in document for column in columns)
    outputs = server.client.get("/v2/models/iris-flowers/").json()["outputs"]
    assert outputs == [{"type": "int64", "shape": [None]}]


def test_tensors_of_32_bits_are_given_as_such(server: Server, models: dict[str, Any]) -> None:
    assert models["narrow"]["predictions"] != models["narrow"]["wide"]
    assert predict(server, "narrow", X=store.NARROW) == models["narrow"]["predictions"]


def test_other_flavors_have_their_own_adapters(server: Server, models: dict[str, Any]) -> None:
    assert predict(server, "boosted", X=ROWS, predict_proba=True) == models["boosted"]["probabilities"]
    assert predict(server, "exported", a=[[1, 2, 3]], b=[[3, 2, 1]]) == {
        "sum": [[4, 4, 4]],
        "larger": [[False, False, True]],
    }


def test_a_python_model_gets_its_columns_in_their_types(server: Server) -> None:
    kinds = "price:float64,count:int32,day:datetime64[ns],note:object"
    assert predict(server, "orders", X=ORDERS) == [
        {"total": 4.5, "month": 2, "k": kinds},
        {"total": 6.375, "month": 12, "k": kinds},
    ]


def test_an_optional_column_may_be_left_out(server: Server) -> None:
    rows = [{key: value for key, value in row.items() if key != "note"} for row in ORDERS]
    assert predict(server, "orders", X=rows)[0]["k"] == "price:float64,count:int32,day:datetime64[ns]"


def test_an_optional_column_of_nulls_is_there(server: Server) -> None:
    kinds = "price:float64,count:int32,day:datetime64[ns],note:"
    for rows in (ORDERS[:1], ORDERS):
        nulls = [row | {"note": None} for row in rows]
        assert predict(server, "orders", X=nulls)[0]["k"].startswith(kinds)


@pytest.mark.parametrize(("day", "month"), [("2024-02-01T00:30:00+02:00", 1), ("2024-02-01T00:30:00Z", 2)])
def test_a_date_of_another_zone_is_turned_into_utc(server: Server, day: str, month: int) -> None:
    assert predict(server, "orders", X=[ORDERS[0] | {"day": day}])[0]["month"] == month


def test_parameters_have_their_defaults_and_types(server: Server) -> None:
    answer = predict(server, "orders", X=ORDERS[:1], rate=2, label="sum", steps=[10])
    assert answer[0]["sum"] == 16.0
    assert "rate" in refused(server, "orders", X=ORDERS, rate="much")
    assert "steps" in refused(server, "orders", X=ORDERS, steps=["a"])
    paths = server.client.get("/openapi.json").json()
    assert '"default": 0.5' in str(paths).replace("'", '"')


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"price": "dear"}, "price"),
        ({"count": 1.5}, "count"),
        ({"count": None}, "count"),
        ({"day": "soon"}, "day"),
        ({"day": "9999-01-01"}, "day"),
        ({"count": 2**40}, "count"),
        ({"count": True}, "count"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(server: Server, change: dict[str, Any], column: str) -> None:
    said = refused(server, "orders", X=[ORDERS[0], ORDERS[1] | change])
    assert list(said["errors"]["X"]["1"] if "errors" in said else _found(said, "1")) == [column]


def _found(said: Any, key: str) -> Any:
    """The first value of this key, however deep it lies."""
    if isinstance(said, dict):
        if key in said:
            return said[key]
        return next((one for value in said.values() if (one := _found(value, key)) is not None), None)
    return None


def test_tensors_are_inputs_by_their_names(server: Server) -> None:
    assert predict(server, "tensors", a=[[1, 2], [3, 4]], b=[10, 100]) == [30.0, 700.0]
    assert "b" in str(refused(server, "tensors", a=[[1, 2]]))


def test_a_model_of_a_list_gets_a_list(server: Server) -> None:
    assert predict(server, "words", X=["straße", "a"]) == ["STRASSE", "A"]


def test_without_a_signature_objects_are_a_frame(server: Server) -> None:
    assert predict(server, "unsigned", X=[{"a": 1, "b": 2}]) == ["DataFrame", ["a", "b"]]
    assert predict(server, "unsigned", X=[[1, 2]]) == ["ndarray", []]


# -- trust ------------------------------------------------------------------------------------------


def test_safe_files_need_no_trust(models: dict[str, Any], variables: dict[str, str]) -> None:
    source = "mlflow:models:/iris flowers/1"
    ended = modelport("predict", source, "--X", str(ROWS), **variables)
    assert ended.returncode == 0, ended.stderr
    assert str(models["flowers"]["predictions"]).replace(" ", "") in ended.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "pickled",
            ["pickled/model.pkl: it is a pickle", "sklearn.linear_model", "serialization_format='skops'"],
        ),
        ("orders", ["a Python model of MLflow, which can run any code", "mlflow.pyfunc.model.PythonModel"]),
    ],
)
def test_what_can_run_code_needs_trust(
    models: dict[str, Any], variables: dict[str, str], name: str, words: list[str]
) -> None:
    ended = modelport("serve", "--port", "0", f"mlflow:runs:/{models['run']}/{name}", **variables)
    assert ended.returncode == 2
    said = error_line(ended.stderr)
    assert all(word in said for word in [*words, "--trust"]), said
    assert str(variables["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///").rpartition("/")[0]) not in said


# -- errors -----------------------------------------------------------------------------------------


MISSING = {
    "mlflow:models:/nothing/1": "name=nothing, version=1",
    "mlflow:models:/iris flowers/99": "version=99",
    "mlflow:models:/iris flowers@nobody": "alias nobody",
    "mlflow:models:/iris flowers/Production": "no version 'Production'",
    "mlflow:models:/m-00000000000000000000000000000000": "m-00000000000000000000000000000000",
    "mlflow:runs:/00000000000000000000000000000000/model": "00000000000000000000000000000000",
    "mlflow:runs:/RUN/nothing": "the run has no model 'nothing'",
    "mlflow:experiment": "it names no model of MLflow",
    "mlflow:runs:/RUN/../../x": "it names no model of MLflow",
}


@pytest.fixture(scope="module")
def missing(models: dict[str, Any], variables: dict[str, str]) -> list[str]:
    """Why each of them cannot be loaded."""
    return refusals([source.replace("RUN", models["run"]) for source in MISSING], **variables)


@pytest.mark.parametrize("source", MISSING)
def test_what_is_not_there_is_named(missing: list[str], source: str) -> None:
    assert MISSING[source] in missing[list(MISSING).index(source)]


@pytest.mark.parametrize("source", ["mlflow:models:/nothing/1", "mlflow:experiment"])
def test_what_is_not_there_is_one_line(variables: dict[str, str], source: str) -> None:
    ended = modelport("serve", "--port", "0", source, **variables)
    assert ended.returncode == 2
    assert MISSING[source] in error_line(ended.stderr)


def test_a_store_that_cannot_be_reached_is_one_line_without_its_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        address = f"http://user:secret@127.0.0.1:{closed.getsockname()[1]}"
        ended = modelport("serve", "--port", "0", "mlflow:models:/a/1", MLFLOW_TRACKING_URI=address)
    assert ended.returncode == 2
    assert "cannot be reached" in error_line(ended.stderr)
    assert "secret" not in ended.stderr


def test_a_store_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ended = modelport(
            "serve", "--port", "0", "mlflow:models:/a/1",
            MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_TIMEOUT="1", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
        )  # fmt: skip
    assert ended.returncode == 2
    assert "cannot be reached" in error_line(ended.stderr)


def test_no_store_is_made_where_there_is_none(tmp_path: Path) -> None:
    place = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    for variables in ({"MLFLOW_TRACKING_URI": ""}, place, {"MLFLOW_TRACKING_URI": str(tmp_path / "mlruns")}):
        ended = modelport("serve", "--port", "0", "mlflow:models:/a/1", cwd=tmp_path, **variables)
        assert ended.returncode == 2
        assert "MLFLOW_TRACKING_URI" in error_line(ended.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_files_serves_as_well(tmp_path: Path) -> None:
    models = store.made_store(tmp_path, "file")
    variables = {"MLFLOW_TRACKING_URI": store.tracking_uri(tmp_path, "file")}
    with serving("mlflow:models:/iris flowers/1", **variables) as server:
        assert predict(server, "iris-flowers", X=ROWS) == models["flowers"]["predictions"]


def test_the_store_is_not_changed_by_serving(tmp_path: Path, folder: Path, models: dict[str, Any]) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(folder / "mlflow.db", copy)
    before = _dumped(copy)
    modelport(
        "predict", "mlflow:models:/iris flowers/1", "--X", str(ROWS), MLFLOW_TRACKING_URI=f"sqlite:///{copy}"
    )
    assert _dumped(copy) == before


def _dumped(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        lines = list(database.iterdump())
    database.close()
    return lines
