"""What is told of models and of the server: the answers of the same resources by HTTP, as messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from modelport.dialects.grpc.bodies import PROTOCOL
from modelport.dialects.grpc.schema import protocol
from modelport.dialects.grpc.server.statuses import Outcome
from modelport.dialects.grpc.wire import written

Sent = dict[str, Any]
HOST_MEMORY, GPU_MEMORY = "/v2/systemsharedmemory", "/v2/cudasharedmemory"
MODELS, REPOSITORY = "/v2/models", "/v2/repository"


class NotAsked(Exception):
    """The message does not say what a request needs: why."""


class Resource(NamedTuple):
    """A method that is answered by a resource: the one that a message asks for, and what is made of it.

    `request` has the method, the path below the base path, and the JSON of the body. What its `said` makes of
    a status that is among `statuses` is an answer, any other status an error.
    """

    request: Callable[[Sent], tuple[str, str, Any]]
    said: Callable[[int, Any], Sent]
    statuses: tuple[int, ...] = (200,)


def answer_of(resource: Resource, gives: str, outcome: Outcome) -> bytes:
    """The message that a good outcome is."""
    value: Any = json.loads(outcome.body) if outcome.body else {}
    return written(PROTOCOL, gives, resource.said(outcome.status, value))


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
    types = protocol(PROTOCOL).enums["inference.DataType"]
    for one in (*value["input"], *value["output"]):
        one["data_type"] = types[one["data_type"]]
    for group in value["instance_group"]:
        group["kind"] = 0  # KIND_AUTO, which all have
    return {"config": value}


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


def _memory(of: str, verb: str, sent: Sent) -> tuple[str, str, Any]:
    """What clients say of shared memory: `status` or `unregister`, of one region or of all."""
    path = f"{of}/region/{_part(sent, 'name')}/{verb}" if sent.get("name") else f"{of}/{verb}"
    return ("GET" if verb == "status" else "POST"), path, None


def _registered(of: str, sent: Sent) -> tuple[str, str, Any]:
    body = {name: value for name, value in sent.items() if name not in ("name", "raw_handle")}
    if of == HOST_MEMORY:
        body = {"key": "", "byte_size": 0, **body}
    return "POST", f"{of}/region/{_part(sent, 'name')}/register", body


def _regions(status: int, value: Any) -> Sent:
    return {"regions": {one["name"]: one for one in value}}


def _setting(path: str, sent: Sent) -> tuple[str, str, Any]:
    """Settings that are read; changes are refused by their resource."""
    if sent.get("model_name"):
        path = f"{MODELS}/{_part(sent, 'model_name')}/trace/setting"
    return ("POST", path, {}) if sent.get("settings") else ("GET", path, None)


def _traces(status: int, value: Any) -> Sent:
    found: dict[str, Sent] = {}
    for name, one in value.items():
        found[name] = {"value": [one] if isinstance(one, str) else one}
    return {"settings": found}


def _log(status: int, value: Any) -> Sent:
    kinds = {bool: "bool_param", int: "uint32_param", str: "string_param"}
    return {"settings": {name: {kinds[type(one)]: one} for name, one in value.items()}}


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
    "ModelConfig": Resource(partial(_of_model, end="/config"), _config),
    "ModelStatistics": Resource(_statistics_of, _statistics),
    "RepositoryIndex": Resource(_index, _models),
    "RepositoryModelLoad": Resource(partial(_repository_model, verb="load"), _nothing),
    "RepositoryModelUnload": Resource(partial(_repository_model, verb="unload"), _nothing),
    "SystemSharedMemoryStatus": Resource(partial(_memory, HOST_MEMORY, "status"), _regions),
    "SystemSharedMemoryRegister": Resource(partial(_registered, HOST_MEMORY), _nothing),
    "SystemSharedMemoryUnregister": Resource(partial(_memory, HOST_MEMORY, "unregister"), _nothing),
    "CudaSharedMemoryStatus": Resource(partial(_memory, GPU_MEMORY, "status"), _nothing),
    "CudaSharedMemoryRegister": Resource(partial(_registered, GPU_MEMORY), _nothing),
    "CudaSharedMemoryUnregister": Resource(partial(_memory, GPU_MEMORY, "unregister"), _nothing),
    "TraceSetting": Resource(partial(_setting, "/v2/trace/setting"), _traces),
    "LogSettings": Resource(partial(_setting, "/v2/logging"), _log),
}
