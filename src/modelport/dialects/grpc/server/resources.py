"""What is told of models and of the server: the answers of the same resources by HTTP, as messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from modelport.dialects.grpc.bodies import PROTOCOL
from modelport.dialects.grpc.server.statuses import Outcome
from modelport.dialects.grpc.wire import written

Sent = dict[str, Any]
MODELS, REPOSITORY = "/v2/models", "/v2/repository"
TEXTS = "BYTES"


class NotAsked(Exception):
    """The message does not say what a request needs: why."""


class Resource(NamedTuple):
    """A method that is answered by a resource: the one that a message asks for, and what is made of it.

    `request` has the method, the path below the base path, and the JSON of the body. What its `said` makes of
    a status that is among `statuses` is an answer, any other status an error. With `needs_signature` the
    answer has that of the model as `signature`, too.
    """

    request: Callable[[Sent], tuple[str, str, Any]]
    said: Callable[[int, Any], Sent]
    statuses: tuple[int, ...] = (200,)
    needs_signature: bool = False


def answer_of(resource: Resource, gives: str, outcome: Outcome, signature: Outcome | None) -> bytes:
    """The message that a good outcome is."""
    value: Any = json.loads(outcome.body) if outcome.body else {}
    if signature is not None and signature.status == 200:
        value["signature"] = json.loads(signature.body)
    return written(PROTOCOL, gives, resource.said(outcome.status, value))


def signature_of(sent: Sent) -> tuple[str, str, Any]:
    """The request for the signature of a model. Raises `NotAsked`."""
    return "GET", f"{MODELS}/{_part(sent, 'name')}/signature", None


def _get(path: str) -> Callable[[Sent], tuple[str, str, Any]]:
    return lambda sent: ("GET", path, None)


def _of_model(sent: Sent, end: str = "") -> tuple[str, str, Any]:
    path = f"{MODELS}/{_part(sent, 'name')}"
    if sent.get("version"):
        path += f"/versions/{_part(sent, 'version')}"
    return "GET", path + end, None


def _part(sent: Sent, name: str) -> str:
    """A name that is to stand in a path. Raises `NotAsked`."""
    text = sent.get(name, "")
    if not text or "/" in text:
        raise NotAsked(f"{name} is {text[:100]!r}: it must be that of a model or a version")
    return text


def _metadata(status: int, value: Any) -> Sent:
    return {
        "name": value["name"],
        "versions": value.get("versions", []),
        "platform": value.get("platform", ""),
        "inputs": value.get("inputs", []),
        "outputs": value.get("outputs", []),
    }


def _statistics_of(sent: Sent) -> tuple[str, str, Any]:
    return _of_model(sent, "/stats") if sent.get("name") else ("GET", f"{MODELS}/stats", None)


def _statistics(status: int, value: Any) -> Sent:
    return {"model_stats": value["model_stats"]}


def _server(status: int, value: Any) -> Sent:
    return {"name": value["name"], "version": value["version"], "extensions": value["extensions"]}


def _config(status: int, value: Any) -> Sent:
    """Of Triton's configuration of a model what there is to say here: names, types and axes."""

    def tensors(found: list[Any]) -> list[Sent]:
        return [
            {"name": one["name"], "data_type": _datatype(one["datatype"]), "dims": one["shape"]}
            for one in found
        ]

    predict = value.get("signature", {}).get("verbs", {}).get("predict", {})
    config = {
        "name": value["name"],
        "platform": value.get("platform", ""),
        "backend": value.get("platform", ""),
        "max_batch_size": 0,  # the axes above are all that there are
        "input": tensors(value.get("inputs", [])),
        "output": tensors(value.get("outputs", [])),
        "model_transaction_policy": {"decoupled": bool(predict.get("streams"))},
    }
    return {"config": config}


def _datatype(name: str) -> int:
    from modelport.dialects.grpc.schema import protocol

    types = protocol(PROTOCOL).enums["inference.DataType"]
    return types["TYPE_STRING" if name == TEXTS else f"TYPE_{name}"]


def _repository_model(sent: Sent, verb: str) -> tuple[str, str, Any]:
    _refuse_repository(sent)
    parameters = {name: next(iter(one.values()), None) for name, one in sent.get("parameters", {}).items()}
    for name, value in parameters.items():
        if isinstance(value, (bytes, memoryview)):
            raise NotAsked(f"the parameter {name[:100]!r} has a file: models are loaded from their source")
    return "POST", f"{REPOSITORY}/models/{_part(sent, 'model_name')}/{verb}", {"parameters": parameters}


def _refuse_repository(sent: Sent) -> None:
    if sent.get("repository_name"):
        raise NotAsked("repository_name: this server has one repository, which has no name; leave it out")


def _index(sent: Sent) -> tuple[str, str, Any]:
    _refuse_repository(sent)
    return "POST", f"{REPOSITORY}/index", {"ready": sent.get("ready", False)}


def body_of(value: Any) -> bytes:
    """The JSON of a request's body; none for `None`."""
    return b"" if value is None else msgspec.json.encode(value)


def _is_live(status: int, value: Any) -> Sent:
    return {"live": status == 200}


def _is_ready(status: int, value: Any) -> Sent:
    return {"ready": status == 200}


def _models(status: int, value: Any) -> Sent:
    return {"models": value}


def _nothing(status: int, value: Any) -> Sent:
    return {}


EITHER_WAY = (200, 503)
RESOURCES = {
    "ServerLive": Resource(_get("/v2/health/live"), _is_live),
    "ServerReady": Resource(_get("/v2/health/ready"), _is_ready, EITHER_WAY),
    "ModelReady": Resource(partial(_of_model, end="/ready"), _is_ready, EITHER_WAY),
    "ServerMetadata": Resource(_get("/v2"), _server),
    "ModelMetadata": Resource(_of_model, _metadata),
    "ModelConfig": Resource(_of_model, _config, needs_signature=True),
    "ModelStatistics": Resource(_statistics_of, _statistics),
    "RepositoryIndex": Resource(_index, _models),
    "RepositoryModelLoad": Resource(partial(_repository_model, verb="load"), _nothing),
    "RepositoryModelUnload": Resource(partial(_repository_model, verb="unload"), _nothing),
}
