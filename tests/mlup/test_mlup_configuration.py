"""mlup's configuration files: what they set, what they may not say, and how that is refused."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import serving
from mlup_site import PLAIN, blocks, mlup_serving
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelport.cli.mlup_config import mlup_file
from modelport.contract.model_options import Column, ModelOptions
from modelport.contract.places import Places
from modelport.settings.checking import SettingsError
from modelport.sources.load import served_model

DISK = "mlup.ml.storage.local_disk.DiskStorage"
FLOWER = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pickled model, beside a file that is none."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "notes.txt").write_text("nothing")
    path = folder / "model.pckl"
    path.write_bytes(pickle.dumps(LogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True))))
    return path


def refused(folder: Path, text: str, *options: str, name: str = "mlup.yaml") -> str:
    """What `modelport serve` says to a file with this text; it ends with status 2 and one sentence."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "modelport", "serve", str(file), *options]
    ended = subprocess.run(
        command, env=serving.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.split())


@pytest.mark.parametrize("name", ["mlup.yaml", "mlup.json"])
def test_a_file_says_where_the_model_is(name: str, tmp_path: Path, model_file: Path) -> None:
    flat = {
        "storage_type": DISK,
        "storage_kwargs": {"path_to_files": str(model_file.parent), "files_mask": r"\w+\.pckl"},
        "binarization_type": "mlup.ml.binarization.pickle.PickleBinarizer",
        "host": "127.0.0.1",
        "uvicorn_kwargs": {"timeout_keep_alive": 9, "h11_max_incomplete_event_size": 1},
        "use_thread_loop": False,
        "data_transformer_for_predicted": "SRC_TYPES",
    }
    file = tmp_path / name
    file.write_text(json.dumps(blocks(flat) | {"trust": True}), encoding="utf-8")
    with serving.serving(str(file), "--debug") as server:
        answer = server.client.post("/predict", json={"X": [FLOWER]})
        assert answer.json() == {"predict_result": [0]}
        config = server.client.get("/info").json()
        assert config["model_config"]["storage_type"] == DISK
        assert config["web_app_config"]["debug"] is True
        warned = server.wait_for_log(r"WARNING.*no meaning here: (.*)").group(1)
        assert warned.split(", ") == [
            "ml.use_thread_loop",
            "ml.data_transformer_for_predicted",
            "web.uvicorn_kwargs.h11_max_incomplete_event_size",
        ]


def test_a_pickle_needs_trust(tmp_path: Path, model_file: Path) -> None:
    flat = {"storage_type": DISK, "storage_kwargs": {"path_to_files": str(model_file)}}
    assert "--trust" in refused(tmp_path, json.dumps(blocks(flat)))


def test_the_command_line_wins_over_the_file() -> None:
    config = PLAIN | {"debug": True, "max_queue_size": 7, "name": "A name", "version": "3.2.1"}
    with mlup_serving("mlup_rows", config, "--max-queue-size", "8") as server:
        info = server.client.get("/info").json()
        assert info["web_app_config"]["max_queue_size"] == 8
        assert info["model_info"]["name"] == "A name"
        described = server.client.get("/v2/models/mlup_rows").json()
        assert (described["name"], described["version"]) == ("A name", "3.2.1")


WRONG: list[tuple[str, str]] = [
    ("ml: {nmae: x}", "ml: there is no key 'nmae'; did you mean 'name'?"),
    ("name: x", "there is no key 'name' at the top; it belongs into the block ml"),
    ("version: '2'", "version: '2' is not known"),
    ("ml: 3", "ml: it must be a mapping"),
    ("- 1", "a configuration is a mapping"),
    ("ml: {type: caffe}", "ml.type: 'caffe' is not one of sklearn"),
    ("ml: {columns: [{type: int}]}", "ml.columns[0].name: a column must have a name"),
    ("ml: {columns: [{name: a, type: complex}]}", "ml.columns[0].type: 'complex' is not one of int"),
    ("web: {port: many}", "web.port: 'many' is not a port"),
    ("web: {port: 99999}", "web.port: 99999 is not between 0 and 65535"),
    ("web: {mode: fast}", "web.mode: 'fast' is none of directly_to_predict"),
    ("web: {debug: 1}", "web.debug: 1 is not true or false"),
    ("web: {ttl_client_wait: .nan}", "web.ttl_client_wait: nan is not a number of seconds"),
    ("web: {column_validation: true}", "web.column_validation: it needs ml.columns"),
    (
        "web: {custom_column_pydantic_model: a.B}",
        "web.custom_column_pydantic_model: 'a.B' is not null: write a typed model",
    ),
    (f"ml: {{storage_type: {DISK}}}", "ml.storage_kwargs.path_to_files: it must say where"),
    (
        f"ml: {{storage_type: {DISK}, storage_kwargs: {{path_to_files: ., files_mask: '('}}}}",
        "ml.storage_kwargs.files_mask: no regular expression",
    ),
    ("a: &a [1]\nb: [*a, *a]", "aliases are not supported"),
    ("ml: {}\nml: {}", "the key 'ml' stands there twice"),
    ("x" * 200_000, "at most 131072 bytes"),
    ("a: !!python/object/apply:os.system ['true']", "it is not valid YAML"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_wrong_with_a_file_is_said_with_what_to_do(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "mlup.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        mlup_file(file)
    assert words in " ".join(str(refusal.value).split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ml: {nmae: x}", "ml: there is no key 'nmae'; did you mean 'name'?"),
        ("web: {}", "it does not say where the model is"),
        ("ml: {", "it is not valid YAML"),
        ("[" * 3000 + "]" * 3000, "it is nested too deep"),
    ],
)
def test_a_server_is_not_started_with_a_wrong_file(text: str, words: str, tmp_path: Path) -> None:
    assert words in refused(tmp_path, text)


# Every key of mlup 0.4, by its block.
KEYS = {
    "ml": """
        name version type columns predict_method_name auto_detect_predict_params storage_type storage_kwargs
        binarization_type use_thread_loop max_thread_loop_workers data_transformer_for_predict
        data_transformer_for_predicted dtype_for_predict
    """,
    "web": """
        host port web_app_version column_validation custom_column_pydantic_model mode max_queue_size
        ttl_predicted_data ttl_client_wait min_batch_len batch_worker_timeout is_long_predict show_docs debug
        throttling_max_requests throttling_max_request_len timeout_for_shutdown_daemon uvicorn_kwargs
        item_id_col_name
    """,
}


@pytest.mark.parametrize("block", KEYS)
def test_every_key_of_mlup_is_taken_and_documented(block: str, tmp_path: Path) -> None:
    keys = KEYS[block].split()
    table = (serving.ROOT / "docs" / "mlup.md").read_text(encoding="utf-8").partition("## The keys")[2]
    named = set(re.findall(r"`(?:ml\.|web\.)?([a-z_]+)`", table))
    assert set(keys) - named == set()
    for key in keys:  # each is known: what is wrong is its value, which no key takes
        said = refused_value(tmp_path, block, key)
        assert f"{block}.{key}: " in said or f"{block}.{key}[0]" in said, said


def refused_value(folder: Path, block: str, key: str) -> str:
    """What is said of a configuration whose `key` has a value that nothing takes."""
    file = folder / "mlup.json"
    file.write_text(json.dumps({block: {key: [{"a": 1}]}}), encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        mlup_file(file)
    return str(refusal.value)


def test_two_sources_with_a_configuration_are_refused(tmp_path: Path) -> None:
    assert "an mlup configuration serves one model" in refused(tmp_path, "web: {}", "other.py")


def test_a_short_name_of_a_form_means_the_same() -> None:
    config: dict[str, Any] = PLAIN | {"mode": "worker_and_queue", "debug": True}
    with mlup_serving("mlup_rows", config) as server:
        info = server.client.get("/info").json()
        assert info["web_app_config"]["mode"].endswith("WorkerAndQueueArchitecture")
        assert info["model_config"]["data_transformer_for_predict"].endswith("SrcDataTransformer")


def test_a_model_that_selects_columns_by_name_gets_them_without_a_transformer_of_frames() -> None:
    frame = pd.DataFrame({"age": [20.0, 30.0], "city": ["Paris", "Rome"]})
    by_name = ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough")
    fitted = make_pipeline(by_name, LinearRegression()).fit(frame, [1.0, 2.0])
    options = ModelOptions(rows_as="numpy", columns=[Column(name="age"), Column(name="city")])
    model = served_model(fitted, "fitted", options)
    for rows in ([[20.0, "Paris"]], [{"city": "Paris", "age": 20.0}]):
        answer = model.call("predict", model.bind("predict", Places(json={"X": rows})))
        assert list(answer) == pytest.approx([1.0])


def test_lists_are_the_rows_of_a_frame_without_columns() -> None:
    """mlup 0.4 answers 500 to them."""

    class Sums:
        def predict(self, X):
            return X.sum(axis=1).tolist()

    model = served_model(Sums(), "sums", ModelOptions(rows_as="pandas"))
    for rows in ([[1, 2], [3, 4]], [{"a": 1, "b": 2}, {"b": 4, "a": 3}]):
        assert model.call("predict", model.bind("predict", Places(json={"X": rows}))) == [3, 7]
