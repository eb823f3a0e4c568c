"""The DEEPaaS contract at its edges: functions that are missing, schemas, warm-up, models that fail."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server, serving

GOOD = [
    "OnlyMetadata", "OnlyPredict", "OnlyTrain", "Refuses", "MetadataFails", "SchemaAsDictionary",
    "SchemaAsClass", "SchemaNone", "Trains",
]  # fmt: skip
BROKEN = {
    "SchemaIsNumber": "schema must be a dictionary of marshmallow fields, a marshmallow.Schema class or None",
    "SchemaOfNumbers": "schema: the entries 'label' are not marshmallow fields",
    "SchemaOfTypes": "schema: the entries 'label' are not marshmallow fields",
    "ArgumentIsNumber": "get_predict_args(): the argument 'count' is a int; use a field of webargs.fields",
    "DefaultOfRequired": 'of get_predict_args(), `"count": fields.Int(`: ValueError: ',
    "ConstructorFails": "making an object of ConstructorFails failed: RuntimeError: no licence",
    "NoModel": "it has no predict(), train(), validate() or get_metadata()",
    "UnknownHint": "predict(): its type hints cannot be read: NameError",
    "WarmFails": "warm() failed: RuntimeError: no weights here",
    "NoSuchClass": "there is no 'NoSuchClass' in partial_models",
    "broken-import": "importing it failed: ModuleNotFoundError: No module named 'no_such_dependency'",
    "no-such-module": "there is no module 'partial_models.no_such_module'",
}
SOURCES = {
    "Trains": "typed_models:Trains",
    "broken-import": "broken_import",
    "no-such-module": "partial_models.no_such_module",
}


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    """Good models among broken ones."""
    names = [name for pair in zip(BROKEN, GOOD + list(BROKEN), strict=False) for name in pair]
    names = list(dict.fromkeys([*names, *GOOD, *BROKEN]))
    with serving(*(f"{name}={SOURCES.get(name, 'partial_models:' + name)}" for name in names)) as server:
        yield server


def predict(site: Server, model: str, **request: Any) -> httpx.Response:
    return site.client.post(f"/v2/models/{model}/predict/", **request)


def generic(name: str) -> dict[str, Any]:
    return {
        "id": "0",
        "name": name,
        "links": [{"rel": "self", "href": f"/v2/models/{name}"}],
        "description": f"Could not load description from underlying model (loaded '{name}')",
        "versions": ["0"],
        "platform": "modelport",
        "inputs": [],
        "outputs": [],
    }


# -- functions that are missing --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["OnlyPredict", "OnlyTrain", "Refuses", "MetadataFails"])
def test_without_metadata_there_is_generic_metadata(site: Server, name: str) -> None:
    assert site.client.get(f"/v2/models/{name}/").json() == generic(name)


def test_metadata_is_shown_with_all_its_keys(site: Server) -> None:
    shown = site.client.get("/v2/models/OnlyMetadata/").json()
    own = ["id", "name", "links", "version", "author-email", "custom"]
    assert list(shown) == [*own, "versions", "platform", "inputs", "outputs"]
    assert (shown["id"], shown["name"], shown["version"]) == ("OnlyMetadata", "Mine", 2)
    assert shown["custom"] == {"a": [1]}
    assert shown["links"] == [{"rel": "self", "href": "/v2/models/OnlyMetadata"}]


@pytest.mark.parametrize("name", ["OnlyMetadata", "OnlyTrain", "Trains"])
def test_without_predict_it_is_501(site: Server, name: str) -> None:
    answer = predict(site, name)
    assert answer.status_code == 501
    assert answer.json()["detail"] == f"Not implemented by underlying model (loaded '{name}')"


def test_a_predict_that_says_it_is_not_implemented(site: Server) -> None:
    answer = predict(site, "Refuses")
    assert (answer.status_code, answer.json()["detail"]) == (501, "not for cats")


def test_without_train_it_is_501(site: Server) -> None:
    answer = site.client.post("/v2/models/OnlyPredict/train/")
    assert answer.status_code == 501
    assert answer.json()["detail"] == "Not implemented by underlying model (loaded 'OnlyPredict')"


def test_predict_alone_is_enough(site: Server) -> None:
    assert predict(site, "OnlyPredict").json() == {"status": "OK", "predictions": "predicted"}
    assert predict(site, "MetadataFails").json() == {"status": "OK", "predictions": "predicted"}


# -- schemas ---------------------------------------------------------------------------------------


def test_with_a_schema_the_answer_is_bare(site: Server) -> None:
    assert predict(site, "SchemaAsDictionary").json() == {
        "status": "OK",
        "predictions": [{"label": "secret", "probability": 0.5}],
    }
    assert predict(site, "SchemaAsClass").json() == {
        "status": "OK",
        "predictions": [{"label": "a", "at": "2020-02-29"}],
    }


def test_without_a_schema_it_is_wrapped(site: Server) -> None:
    assert predict(site, "SchemaNone").json() == {"status": "OK", "predictions": {"anything": 1}}


@pytest.mark.parametrize(
    ("given", "logged"), [("high", "Not a valid number"), ("no dictionary", "Invalid input type")]
)
def test_an_answer_that_breaks_its_schema_is_500_and_said_in_the_log_alone(
    site: Server, given: str, logged: str
) -> None:
    start = len(site.lines)
    answer = predict(site, "SchemaAsDictionary", json={"probability": given})
    assert answer.status_code == 500
    assert answer.json()["detail"] == "ERROR validating model response, check server logs."
    assert not [
        word for word in ("secret", "probability", "Not a valid", "Invalid input") if word in answer.text
    ]
    site.wait_for_log(f"does not fit the model's schema.*{logged}", start=start)


def test_schemas_are_documented_each_under_its_name(site: Server) -> None:
    document = site.client.get("/openapi.json").json()
    answer = document["paths"]["/v2/models/SchemaAsDictionary/predict/"]["post"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    schema = document["components"]["schemas"][name] if name else schema
    assert set(schema["properties"]) == {"status", "predictions"}


# -- broken models ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_listed_as_failed_with_the_reason(site: Server, name: str) -> None:
    state = site.client.get("/v2/health/ready").json()["models"][name]
    assert state["state"] == "failed"
    assert BROKEN[name] in state["error"]
    assert "Traceback" not in state["error"]
    shown = site.client.get(f"/v2/models/{name}/").json()
    assert (shown["state"], shown["error"]) == ("failed", state["error"])
    assert shown in site.client.get("/v2/models/").json()["models"]
    assert predict(site, name).status_code == 503
    assert site.client.get(f"/v2/models/{name}/ready").status_code == 503


def test_broken_models_keep_no_other_from_being_served(site: Server) -> None:
    answer = site.client.get("/v2/health/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    states = {name: model["state"] for name, model in answer.json()["models"].items()}
    assert states == dict.fromkeys(states, "failed") | dict.fromkeys(GOOD, "ready")
    assert set(states) == {*GOOD, *BROKEN}
    assert site.client.get("/v2/health/live").status_code == 200
    assert site.client.get("/v2/models/OnlyPredict/ready").status_code == 200


# -- warm-up ---------------------------------------------------------------------------------------


def test_warm_runs_in_every_worker_before_it_is_ready(tmp_path: Path) -> None:
    with serving("warm=partial_models:Warm", "--workers", "2", wait=False, MARKS=str(tmp_path)) as server:
        body = server.wait_settled()
        warmed = {int(path.name) for path in tmp_path.iterdir()}
        assert len(warmed) >= body["models"]["warm"]["workers_ready"] >= 1
        for _ in range(10):
            pid, mark = server.client.post("/v2/models/warm/predict/").json()["predictions"]
            assert (pid in {int(path.name) for path in tmp_path.iterdir()}, mark) == (True, "warm")
        deadline = time.monotonic() + 30
        while server.client.get("/v2/health/ready").json()["models"]["warm"]["workers_ready"] < 2:
            assert time.monotonic() < deadline, server.log
        assert len(list(tmp_path.iterdir())) == 2


def test_no_warm_leaves_it_out(tmp_path: Path) -> None:
    with serving("bad=partial_models:WarmFails", "--no-warm") as server:
        assert server.client.post("/v2/models/bad/predict/").json() == {"status": "OK", "predictions": {}}
        assert not re.search("failed", server.log)
