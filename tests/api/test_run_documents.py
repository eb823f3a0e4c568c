"""Runs and versions in the API documents: every route is there, and real answers are as they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from serving import MODELS, Server, serving

from modelport.api.documents.listing import Served
from modelport.api.documents.openapi import openapi_document
from modelport.api.documents.root import RootApi
from modelport.api.documents.swagger import swagger_document
from modelport.contract.signature import Argument, Operation, Signature
from modelport.serving.life import Life
from modelport.settings import Settings

WORDS = r"^(/v2/models/\{model\})?/(runs|params|performance|versions|aliases|rollback|promotions|traffic)\b"
MODEL = "/v2/models/versioned"
X = Argument(name="x", required=True, schema={"type": "number"})
SIGNATURE = Signature(
    name="versioned",
    contract="typed",
    metadata={},
    predict=Operation(implemented=True, arguments=[X], wrapped=False, answer={"type": "number"}),
)
Method = tuple[str, str]


def routes() -> set[Method]:
    """The methods and paths of runs and versions that the server has."""
    settings = Settings()
    app = Life([], settings).application()
    return {
        (method.lower(), route.path.replace(":path", "").replace("{model}", "versioned"))
        for route in app._others.routes
        if re.match(WORDS, route.path)
        for method in set(route.methods) - {"HEAD", "OPTIONS"}
    }


def told(document: dict[str, Any]) -> set[Method]:
    """Every method and path of a document."""
    return {(method, path.rstrip("/")) for path, methods in document["paths"].items() for method in methods}


def documents(**more: Any) -> list[dict[str, Any]]:
    options = {"root": RootApi("versioned", "mlup", is_long=False), **more}
    return [make([SIGNATURE], Served(**options)) for make in (openapi_document, swagger_document)]


def test_both_documents_list_every_route_of_runs_and_versions() -> None:
    of_streams = {
        ("get", f"{MODEL}/versions/{{version}}/{way}") for way in ("predict", "stream")
    }  # it has none
    assert of_streams < routes()
    assert len(routes() - of_streams) == 32
    for document in documents():
        assert routes() - of_streams <= told(document)


def test_runs_are_at_the_root_only_where_a_model_is_meant() -> None:
    for document in documents(root=RootApi(None, "mlup", is_long=False)):
        paths = {path for _, path in told(document)}
        assert "/runs" not in paths
        assert f"{MODEL}/runs" in paths


@pytest.mark.parametrize(
    "path", [f"{MODEL}/versions/{{version}}/predict/", f"{MODEL}/runs/{{run_id}}/predict"]
)
def test_predictions_by_a_version_take_the_arguments_of_the_model(path: str) -> None:
    for document in documents():
        operation = document["paths"][path]["post"]
        assert "x" in {parameter["name"] for parameter in operation["parameters"]}
        assert "200" in operation["responses"]
    for document in documents(predict=False):
        answers = document["paths"][path]["post"]["responses"]
        assert "402" in answers
        assert "200" not in answers


def test_bodies_and_their_schemas_are_told() -> None:
    openapi, swagger = documents()
    for path, name in ((f"{MODEL}/aliases/{{alias}}", "AliasMove"), (f"{MODEL}/traffic", "TrafficPlan")):
        body = openapi["paths"][path]["put"]["requestBody"]
        schema = {"$ref": f"#/components/schemas/{name}"}
        assert body == {"required": True, "content": {"application/json": {"schema": schema}}}
        operation = swagger["paths"][path]["put"]
        (body,) = (parameter for parameter in operation["parameters"] if parameter["in"] == "body")
        assert body["schema"] == {"$ref": f"#/definitions/{name}"}
        assert operation["consumes"] == ["application/json"]


# Real answers


class Documented:
    """A client that checks each answer against what the document says of its path and status."""

    def __init__(self, server: Server):
        self.server = server
        self.document: dict[str, Any] = server.client.get("/openapi.json").json()

    def __call__(self, status: int, method: str, path: str, **more: Any) -> Any:
        """Send a request with this path of the document, `{…}` filled in from `more`; returns the JSON."""
        filled = re.sub(r"\{(\w+)\}", lambda match: str(more.pop(match[1])), path)
        response = self.server.client.request(method, filled, **more)
        assert response.status_code == status, response.text
        operation = self.document["paths"][path][method]
        answer = operation["responses"][str(status)]
        if "$ref" in answer:
            answer = self.document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        if "content" not in answer:
            assert response.content == b""
            return None
        return self._checked(response, answer["content"])

    def _checked(self, response: httpx.Response, content: dict[str, Any]) -> Any:
        schema = content[response.headers["content-type"].partition(";")[0]]["schema"]
        jsonschema.Draft202012Validator(self.document | schema).validate(response.json())
        return response.json()

    def takes(self, name: str, body: Any) -> bool:
        """Whether a body fits one of the document's schemas."""
        reference = {"$ref": f"#/components/schemas/{name}"}
        return jsonschema.Draft202012Validator(self.document | reference).is_valid(body)

    def train(self, **arguments: Any) -> str:
        """Train, and wait until it has ended; returns the id of its run."""
        response = self.server.client.post(f"{MODEL}/train/", params=arguments).raise_for_status()
        place = response.headers["location"]
        self.server.client.get(f"{place}/events").raise_for_status()
        assert self.server.client.get(place).json()["state"] == "succeeded"
        return place.rpartition("/")[2]


CHANGING = """
from pathlib import Path
from webargs import fields, validate
import modelport

labels = ["cat"]

def load_model(path):
    labels[:] = path.read_text().split()

def get_predict_args():
    return {"label": fields.Str(validate=validate.OneOf(labels))}

def predict(label):
    return label

def train():
    Path("labels.txt").write_text("cat dog")
    modelport.current_job().save_model("labels.txt")
"""


def test_a_document_is_that_of_the_version_that_is_live(tmp_path: Path) -> None:
    (tmp_path / "versioned.py").write_text(CHANGING)

    def labels(document: dict[str, Any]) -> list[str]:
        parameters = document["paths"][f"{MODEL}/predict/"]["post"]["parameters"]
        (label,) = (p for p in parameters if p["name"] == "label")
        return label["schema"]["enum"]

    with serving("versioned.py", cwd=tmp_path) as server:
        before = Documented(server)
        assert labels(before.document) == ["cat"]
        before.train()
        before(200, "put", f"{MODEL}/aliases/{{alias}}", alias="live", json={"version": 1})
        assert labels(server.client.get("/openapi.json").json()) == ["cat", "dog"]


@pytest.fixture(scope="module")
def documented() -> Iterator[Documented]:
    with serving(str(MODELS / "versioned.py"), "--best-by", "f1") as server:
        yield Documented(server)


@pytest.fixture(scope="module")
def run(documented: Documented) -> str:
    """The run of version 1; version 2 is better, version 3 fails, and one run has saved nothing."""
    first = documented.train(factor=2, f1=0.5)
    documented.train(factor=3, f1=0.9)
    documented.train(factor=4, f1=0.1, fails_above=0)
    documented.train(factor=5, f1=0.2, save="logged")
    return first


@pytest.mark.parametrize("prefix", ["", MODEL])
def test_answers_about_runs_are_as_the_document_says(documented: Documented, run: str, prefix: str) -> None:
    ask = documented
    page = ask(200, "get", f"{prefix}/runs", params={"top": 2})
    assert [found["performance"]["overall"]["f1"] for found in page["runs"]] == [0.9, 0.5]
    rest = {"top": 2, "order_by": "f1:min", "cursor": page["next_cursor"]}
    assert len(ask(200, "get", f"{prefix}/runs", params=rest)["runs"]) == 2
    for wrong in ({"top": 0}, {"order_by": "f1:most"}):
        ask(422, "get", f"{prefix}/runs", params=wrong)
    assert ask(200, "get", f"{prefix}/runs/{{run_id}}", run_id=run)["version"] == 1
    for name in ("best", "live"):
        assert ask(200, "get", f"{prefix}/runs/{{run_id}}", run_id=name)["environment"]["python"]
    ask(404, "get", f"{prefix}/runs/{{run_id}}", run_id="gone")
    assert ask(200, "get", f"{prefix}/params", params={"run_id": run})["params"]["factor"] == 2
    name = "factor"
    assert ask(200, "get", f"{prefix}/params/{{param}}", param=name, params={"run_id": run}) == {name: 2}
    ask(404, "get", f"{prefix}/params/{{param}}", param="colour")
    part = {"filter": "class.nlp", "run_id": run}
    assert ask(200, "get", f"{prefix}/performance", params=part) == {"class.nlp": {"f1": 0.25}}
    ask(200, "get", f"{prefix}/performance")
    ask(404, "get", f"{prefix}/performance", params={"filter": "class.dog"})
    ask(200, "post", f"{prefix}/runs/{{run_id}}/predict", run_id=run, json={"x": 4})
    ask(422, "post", f"{prefix}/runs/{{run_id}}/predict", run_id=run, json={"x": "four"})
    ask(404, "post", f"{prefix}/runs/{{run_id}}/predict", run_id="gone", json={"x": 4})
    newest = ask(200, "get", f"{prefix}/runs", params={"order_by": "newest", "top": 1})["runs"][0]
    assert newest["version"] is None
    ask(409, "post", f"{prefix}/runs/{{run_id}}/predict", run_id=newest["run_id"], json={"x": 4})
    gone = documented.train(factor=6)
    version = ask(200, "get", f"{prefix}/runs/{{run_id}}", run_id=gone)["version"]
    ask(200, "post", f"{MODEL}/versions/{{version}}/predict/", version=version, json={"x": 4})
    ask(204, "delete", f"{prefix}/runs/{{run_id}}", run_id=gone)
    ask(404, "delete", f"{prefix}/runs/{{run_id}}", run_id=gone)
    ask(404, "post", f"{MODEL}/versions/{{version}}/predict/", version=version, json={"x": 4})


def test_answers_about_versions_are_as_the_document_says(documented: Documented, run: str) -> None:
    ask, alias, predict = documented, f"{MODEL}/aliases/{{alias}}", f"{MODEL}/versions/{{version}}/predict/"
    found = ask(200, "get", f"{MODEL}/versions", params={"limit": 2})["versions"]
    assert len(found) == 2
    ask(200, "get", f"{MODEL}/versions", params={"limit": 50})
    ask(422, "get", f"{MODEL}/versions", params={"limit": 0})
    for version in (0, 1, "best"):
        ask(200, "get", f"{MODEL}/versions/{{version}}", version=version)
    ask(404, "get", f"{MODEL}/versions/{{version}}", version=99)
    assert ask(200, "post", predict, version="best", json={"x": 4})["value"] == 12
    ask(404, "post", predict, version=99, json={"x": 4})
    assert ask(200, "put", alias, alias="tried", json={"version": 1}) == {"alias": "tried", "version": 1}
    ask(200, "get", alias, alias="tried")
    assert ask(200, "get", f"{MODEL}/aliases")["aliases"] == {"tried": 1, "live": 0, "best": 2}
    ask(404, "get", alias, alias="unknown")
    ask(422, "put", alias, alias="best", json={"version": 1})
    ask(404, "put", alias, alias="live", json={"version": 99})
    ask(204, "delete", alias, alias="tried")
    ask(409, "delete", alias, alias="live")


def test_answers_about_what_is_live_are_as_the_document_says(documented: Documented, run: str) -> None:
    ask, live = documented, {"path": f"{MODEL}/aliases/{{alias}}", "alias": "live"}
    documented.server.client.post(f"{MODEL}/predict/", json={"x": 4}).raise_for_status()
    refused = ask(409, "put", **live, json={"version": 3})
    assert refused["report"]["checks"]["new_errors"] == 1
    assert ask(200, "put", **live, json={"version": "best"})["changed"]
    assert not ask(200, "put", **live, json={"version": 2})["changed"]
    ask(409, "delete", f"{MODEL}/runs/{{run_id}}", run_id="live")
    traffic = ask(200, "put", f"{MODEL}/traffic", json={"weights": {"1": 0.5}, "shadow": 3})
    assert traffic["weights"] == {"1": 0.5}
    ask(200, "get", f"{MODEL}/traffic")
    ask(409, "delete", f"{MODEL}/runs/{{run_id}}", run_id=run)  # its version has a share
    ask(422, "put", f"{MODEL}/traffic", json={"weights": {"2": 0.5}})
    ask(404, "put", f"{MODEL}/traffic", json={"shadow": 99})
    ask(415, "put", f"{MODEL}/traffic", content=b"{}", headers={"content-type": "text/plain"})
    ask(204, "delete", f"{MODEL}/traffic")
    assert ask(200, "post", f"{MODEL}/rollback")["version"] == 0
    ask(409, "post", f"{MODEL}/rollback")
    assert len(ask(200, "get", f"{MODEL}/promotions")["promotions"]) == 2
    ask(422, "get", f"{MODEL}/promotions", params={"limit": 0})


BODIES: list[tuple[str, Any]] = [
    ("AliasMove", {}),
    ("AliasMove", {"version": None}),
    ("AliasMove", {"version": 1, "on_regression": "wait"}),
    ("AliasMove", {"version": "live", "on_regression": None}),
    ("AliasMove", {"version": 1, "min_agreement": 1.5}),
    ("AliasMove", {"version": 1, "max_latency_ratio": 0}),
    ("AliasMove", {"version": 1, "colour": "red"}),
    ("TrafficPlan", {"weights": {"1": 0}}),
    ("TrafficPlan", {"weights": {"1": 1.1}}),
    ("TrafficPlan", {"weights": [1]}),
    ("TrafficPlan", {"shadow": 1.5}),
    ("TrafficPlan", {"colour": "red"}),
    ("TrafficPlan", {"weights": {}, "shadow": None}),
]


@pytest.mark.parametrize(("name", "body"), BODIES)
def test_a_body_is_refused_where_the_document_forbids_it(
    documented: Documented, run: str, name: str, body: Any
) -> None:
    path, more = (
        (f"{MODEL}/traffic", {})
        if name == "TrafficPlan"
        else (f"{MODEL}/aliases/{{alias}}", {"alias": "live"})
    )
    documented(200 if documented.takes(name, body) else 422, "put", path, json=body, **more)
