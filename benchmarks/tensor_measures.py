"""Tensors by the Open Inference Protocol, against a bare application, MLServer, and our own plain JSON."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy

from benchmarks import servers
from benchmarks.measures import Row

SHAPE = [1, 3, 224, 224]
CONNECTIONS = 8
ROUNDS = 5
IRIS = servers.ROOT / "examples" / "iris" / "iris.py"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def predictions(seconds: float) -> list[Row]:
    """A picture as bytes, and rows of iris as JSON."""
    return [*_pictures(seconds), *_rows(seconds)]


def _pictures(seconds: float) -> list[Row]:
    raw = _binary("/v2/models/tensor/infer")
    ours, bare = 0.0, 0.0
    with (
        servers.modelport(str(servers.MODELS / "tensor.py")) as (port, _),
        servers.asgi("bare_tensor:app") as other,
    ):
        for _ in range(ROUNDS):  # in turns, so that what else the machine does meets both
            ours = max(ours, servers.load(port, raw, CONNECTIONS, seconds / ROUNDS))
            bare = max(bare, servers.load(other, raw, CONNECTIONS, seconds / ROUNDS))
    said = f"{ours:,.0f}/s = {ours / bare:.2f} of a bare application, without a worker, {bare:,.0f}/s"
    rows = [Row("FP32 tensor 1x3x224x224, binary, through a worker", said, ">= 0.7", ours / bare >= 0.7)]
    found = shutil.which("mlserver", path=os.environ.get("MLSERVER_BIN")) or shutil.which("mlserver")
    if found is not None:
        with mlserver(found) as port:  # it has no bytes over REST
            peer = servers.load(port, _json("/v2/models/tensor/infer"), CONNECTIONS, seconds)
        said = f"{peer:,.0f}/s, as JSON; modelport {ours / peer:.0f} times as many"
        rows.append(Row("MLServer 1.7, the same tensor over REST", said, ">= 5", ours / peer >= 5))
    return rows


def _rows(seconds: float) -> list[Row]:
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in FLOWER.items()
    ]
    by_tensors = servers.request("/v2/models/iris/infer", {"inputs": inputs})
    plain = servers.request("/v2/models/iris/predict", {"flowers": [FLOWER]})
    found = {by_tensors: 0.0, plain: 0.0}
    with servers.modelport(str(IRIS)) as (port, _):
        for _ in range(ROUNDS):
            for raw in found:
                found[raw] = max(found[raw], servers.load(port, raw, 4 * CONNECTIONS, seconds / ROUNDS))
    ratio = found[by_tensors] / found[plain]
    said = f"{found[by_tensors]:,.0f}/s = {ratio:.2f} of /predict, {found[plain]:,.0f}/s"
    return [Row("JSON /infer, a row of iris", said, ">= 0.8", ratio >= 0.8)]


def _binary(path: str) -> bytes:
    data = numpy.ones(SHAPE, "<f4").tobytes()
    one = {"name": "image", "shape": SHAPE, "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}
    said = json.dumps({"inputs": [one]}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {len(said) + len(data)}\r\nInference-Header-Content-Length: {len(said)}\r\n\r\n"
    )
    return head.encode() + said + data


def _json(path: str) -> bytes:
    data = numpy.ones(SHAPE, "<f4").ravel().tolist()
    return servers.request(
        path, {"inputs": [{"name": "image", "shape": SHAPE, "datatype": "FP32", "data": data}]}
    )


@contextlib.contextmanager
def mlserver(found: str) -> Iterator[int]:
    """MLServer with the same model, in its own process, where it is quickest; yields its port."""
    ports = {name: servers.free_port() for name in ("http_port", "grpc_port", "metrics_port")}
    with tempfile.TemporaryDirectory() as folder:
        model = {"name": "tensor", "implementation": "tensor_mlserver.Tensor"}
        Path(folder, "model-settings.json").write_text(json.dumps(model))
        Path(folder, "settings.json").write_text(
            json.dumps({"host": "127.0.0.1", "parallel_workers": 0, **ports})
        )
        shutil.copy(servers.MODELS / "tensor_mlserver.py", folder)
        with servers.running(
            [found, "start", folder], ports["http_port"], "/v2/health/ready", {"PYTHONPATH": folder}
        ):
            yield ports["http_port"]
