"""Models of DEEPaaS V1: found by its entry points, asked by its functions, with its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import job_calls
import pytest
from serving import MODELS, ROOT, Server, serving

from modelport.contract.deepaas import DeepaasModel
from modelport.contract.deepaas_v1 import takes_one_dictionary

OLD = "in the group deepaas.model of DEEPaaS V1 (deprecated)"


def installed(folder: Path, group: str, **models: str) -> str:
    """A folder that is an installed package; the PYTHONPATH that makes Python see it."""
    about = folder / "old_models-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: old-models\nVersion: 1.0\n")
    lines = "".join(f"{name} = {module}\n" for name, module in models.items())
    (about / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    return os.pathsep.join(map(str, [folder, MODELS, ROOT / "src"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = {
        "first": "first_version",
        "werkzeug": "first_werkzeug:OfWerkzeug",
        "second": "first_files:Second",
        "returned": "first_files:Returned",
        "decorated": "first_decorated",
    }
    folder = tmp_path_factory.mktemp("old")
    with serving(PYTHONPATH=installed(folder, "deepaas.model", **models), cwd=folder) as server:
        yield server


def post(site: Server, model: str, verb: str = "predict", **request: Any) -> Any:
    answer = site.client.post(f"/v2/models/{model}/{verb}/", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_old_group_is_tried_where_the_other_has_nothing_and_the_log_says_so(site: Server) -> None:
    names = [model["name"] for model in site.client.get("/v2/models/").json()["models"]]
    assert sorted(names) == ["decorated", "first", "returned", "second", "werkzeug"]
    assert OLD in site.wait_for_log(r"second: its entry point is (.*)").group(1)
    assert "served as predict() with data and urls" in site.wait_for_log("first: predict_data.*").group(0)
    assert "served as predict() with data;" in site.wait_for_log("werkzeug: predict_data.*").group(0)
    assert "'top' is described by a dictionary" in site.wait_for_log("first: get_predict_args.*").group(0)
    site.wait_for_log(r"first: train\(\) of V1 \(deprecated\)")


def test_the_old_group_is_not_looked_into_beside_the_other(tmp_path: Path) -> None:
    path = installed(tmp_path / "old", "deepaas.model", first="first_version")
    both = os.pathsep.join([installed(tmp_path / "new", "deepaas.v2.model", echo="echoes"), path])
    with serving(PYTHONPATH=both, cwd=tmp_path) as server:
        assert [model["name"] for model in server.client.get("/v2/models/").json()["models"]] == ["echo"]
        assert OLD not in server.log


def test_data_goes_to_predict_data_with_the_arguments_as_texts(site: Server) -> None:
    files = [("data", ("one.txt", b"1st\nline", "Text/Plain; charset=utf-8")), ("data", ("two", b"2nd"))]
    answer = post(site, "first", files=files, params={"kind": "a"})
    assert (answer["status"], answer["predictions"]["status"]) == ("OK", "ok"), "V1's answer is wrapped"
    predictions = answer["predictions"]
    assert predictions["args"] == {"top": "5", "kind": "a", "urls": None}
    one, two = predictions["files"]
    assert one == {
        "class": "modelport", "filename": "one.txt", "content_type": "Text/Plain; charset=utf-8",
        "mimetype": "text/plain", "name": "data", "first": "1s", "lines": ["1st\n", "line"],
    }  # fmt: skip
    assert (two["filename"], two["first"]) == ("two", "2n")
    answer = post(site, "first", files=files[:1])
    assert answer["predictions"]["args"]["kind"] is None


def test_urls_go_to_predict_url(site: Server) -> None:
    urls = ["http://localhost:80/a.png", "https://example.org/b"]
    answer = post(site, "first", params={"urls": urls, "top": 7})
    assert answer == {"status": "OK", "predictions": [urls, None, "str"]}
    failed = site.client.post("/v2/models/first/predict/", json={"urls": ["http://nowhere.test/"]})
    assert failed.status_code == 500
    wrong = site.client.post("/v2/models/first/predict/", json={"urls": ["nowhere"]})
    assert (wrong.status_code, wrong.json()) == (422, {"urls": {"0": ["Not a valid URL."]}})


@pytest.mark.parametrize("both", [False, True])
def test_one_of_data_and_urls_is_needed(site: Server, both: bool) -> None:
    sent: dict[str, Any] = {"files": {"data": b"x"}, "params": {"urls": "http://a.test/"}} if both else {}
    answer = site.client.post("/v2/models/first/predict/", **sent)
    assert (answer.status_code, answer.json()["detail"]) == (
        400, "You must provide either 'urls' or 'data' in the payload",
    )  # fmt: skip
    missing = site.client.post("/v2/models/werkzeug/predict/")
    assert (missing.status_code, missing.json()) == (422, {"data": ["Missing data for required field."]})


def test_the_documents_have_the_arguments(site: Server) -> None:
    parameters = site.client.get("/swagger.json").json()["paths"]["/v2/models/first/predict/"]["post"]
    shown = {one["name"]: one for one in parameters["parameters"]}
    assert list(shown) == ["data", "urls", "top", "kind"]
    assert (shown["urls"]["type"], shown["top"]["type"], shown["top"]["default"]) == ("array", "string", "5")
    assert (shown["kind"]["enum"], shown["top"]["description"]) == (["a", "b"], "How many")


def test_train_gets_one_dictionary(site: Server) -> None:
    answer = post(site, "first", "train", params={"epochs": 4})
    job_calls.ended(site.client, answer["uuid"])
    ended = site.client.get(f"/v2/models/first/train/{answer['uuid']}").json()
    assert (ended["status"], ended["result"]["output"]) == ("done", {"epochs": "4"})


def test_files_are_of_werkzeug_where_the_model_has_imported_it(site: Server) -> None:
    answer = post(site, "werkzeug", files={"data": ("a.txt", b"what it says")})
    assert answer["predictions"] == [True, "a.txt", "what it says"]


def test_the_methods_of_old_files_work_on_uploaded_files_and_the_log_says_where(site: Server) -> None:
    answer = post(site, "second", files={"data": ("a.txt", b"content", "text/plain; x=1")})
    assert answer["predictions"] == {
        "read": "content", "again": "", "saved": "content", "mimetype": "text/plain", "length": 7,
        "path": True, "original": "a.txt",
        "fields": ["name", "filename", "content_type", "original_filename"],
        "pickled": True, "more": [False, True],
    }  # fmt: skip
    told = site.wait_for_log(r"first_files\.py:(\d+): 'read' is of werkzeug's FileStorage").group(1)
    lines = (MODELS / "first_files.py").read_text().splitlines()
    assert "data.read()" in lines[int(told) - 1]
    post(site, "second", files={"data": ("a.txt", b"content")})
    assert site.log.count(f"first_files.py:{told}:") == 1


def test_an_uploaded_file_that_is_answered_is_data_as_before(site: Server) -> None:
    answer = post(site, "returned", files={"data": ("a.txt", b"content", "text/plain")})
    assert answer["predictions"] == ["data", "hidden", "text/plain", "a.txt"]


def test_decorators_and_a_helper_called_predict_are_what_they_were(site: Server) -> None:
    assert post(site, "decorated", files={"data": b"content"})["predictions"] == ["content"]
    refused = site.client.post("/v2/models/decorated/predict/", json={"urls": ["http://a.test/"]})
    assert (refused.status_code, refused.json()["detail"]) == (400, "nobody answers at http://a.test/")
    answer = post(site, "decorated", "train", params={"epochs": "2"})
    job_calls.ended(site.client, answer["uuid"])
    ended = site.client.get(f"/v2/models/decorated/train/{answer['uuid']}").json()
    assert ended["result"]["output"] == {"epochs": "2"}


def arguments(args: Any) -> None: ...
def several(*args: Any) -> None: ...
def anything(*args: Any, **kwargs: Any) -> None: ...
def by_name(**kwargs: Any) -> None: ...
def two(args: Any, more: Any) -> None: ...
def none() -> None: ...
def only_named(*, args: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "given", "taken"),
    [
        (arguments, {}, True),
        (arguments, {"epochs": {}}, True),
        (arguments, {"args": {}}, False),
        (several, {}, True),
        (by_name, {}, False),
        (anything, {}, False),
        (two, {}, False),
        (none, {}, False),
        (only_named, {}, False),
        (dict.get, {}, False),
    ],
)
def test_what_takes_one_dictionary(function: Any, given: dict[str, Any], taken: bool) -> None:
    assert takes_one_dictionary(function, given) is taken
    assert takes_one_dictionary(function, given, any_is_one=True) is (taken or function is anything)


class Both:
    """In the middle of its upgrade: V2's `predict` beside V1's functions."""

    def get_test_args(self) -> dict[str, Any]:
        return {"top": {"default": 1}}

    def predict(self, **arguments: Any) -> Any:
        return self.predict_data(arguments)

    def predict_data(self, args: dict[str, Any]) -> Any:
        return args

    def get_train_args(self) -> dict[str, Any]:
        return {"epochs": {"default": 2}}

    def train(self, **arguments: Any) -> Any:
        return arguments


def test_what_is_there_of_v2_is_used() -> None:
    served = DeepaasModel(Both(), "both")
    assert served.call("predict", {"top": "2"}) == {"top": "2"}
    assert served.call("train", {"epochs": "2"}) == {"epochs": "2"}
    assert [argument.name for argument in served.signature.predict.arguments] == ["top"]
    assert [problem.partition(" ")[0] for problem in served.problems] == [
        "get_test_args()", "get_predict_args():", "get_train_args():",
    ]  # fmt: skip
