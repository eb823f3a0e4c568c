"""Clients of the Open Inference Protocol that others wrote, beside Triton's plain one."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import tritonclient.http.aio as triton
from serving import Server, serving

OLD = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="it needs pydantic 1, which ends with Python 3.13"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("adds=tensor_models:Adds", "plain=tensor_models:Plain") as running:
        yield running


def test_tritons_client_asks_many_at_once(server: Server) -> None:
    async def summed(client: Any, number: int) -> Any:
        x = triton.InferInput("x", [2], "FP32")
        x.set_data_from_numpy(numpy.array([number, 0], dtype="f4"))
        found = await client.infer("adds", [x], outputs=[triton.InferRequestedOutput("sum")])
        return found.as_numpy("sum").tolist()

    async def ask() -> None:
        async with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
            assert await client.is_server_live()
            assert await client.is_model_ready("adds", "0")
            assert (await client.get_model_metadata("adds"))["platform"] == "modelport"
            assert (await client.get_model_config("adds"))["name"] == "adds"
            found = await asyncio.gather(*(summed(client, number) for number in range(8)))
            assert found == [[number + 1.0, 1.0] for number in range(8)]
            statistics = await client.get_inference_statistics("adds")
            assert statistics["model_stats"][0]["inference_count"] >= 8
            with pytest.raises(triton.InferenceServerException, match="there is no model 'nothing'"):
                await client.get_model_metadata("nothing")

    asyncio.run(ask())


@OLD
def test_the_protocols_own_client_reads_all_that_it_knows(server: Server) -> None:
    openapi = importlib.import_module("open_inference.openapi")
    api_error = importlib.import_module("open_inference.openapi.core.api_error")
    types = importlib.import_module("open_inference.openapi.types")
    made = importlib.import_module("open_inference.openapi.client").OpenInferenceClient
    client = made(base_url=server.url, httpx_client=server.client)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("plain")
    client.check_model_version_readiness("plain", "0")
    assert client.read_server_metadata().name == "modelport"
    known = client.read_model_metadata("plain")
    assert (known.name, known.versions, known.inputs[0].datatype) == ("plain", ["0"], "FP64")
    assert client.read_model_version_metadata("plain", "0").inputs == known.inputs
    points = types.RequestInput(name="points", shape=[2, 2], datatype="FP64", data=[[1.0, 2.5], [3.0, 4.0]])
    request = types.InferenceRequest(id="mine", inputs=[points])
    for answer in (
        client.model_infer("plain", request=request),
        client.model_version_infer("plain", "0", request=request),
    ):
        assert (answer.model_name, answer.id, answer.outputs[0].shape) == ("plain", "mine", [1])
    wrong = types.InferenceRequest(
        inputs=[types.RequestInput(name="points", shape=[1], datatype="X", data=[])]
    )
    with pytest.raises(openapi.BadRequestError, match="its datatype must be one of"):
        client.model_infer("plain", request=wrong)
    with pytest.raises(api_error.ApiError, match="there is no model 'nothing'"):
        client.read_model_metadata("nothing")


def test_the_name_that_kserves_client_repeats_is_that_of_the_path(server: Server) -> None:
    points = {"name": "points", "shape": [1, 1], "datatype": "FP64", "data": [1]}
    body = {"model_name": "plain", "inputs": [points]}
    assert server.client.post("/v2/models/plain/infer", json=body).status_code == 200
    for wrong in ("adds", 1):
        answer = server.client.post("/v2/models/plain/infer", json={**body, "model_name": wrong})
        assert "the path names the model 'plain'" in answer.json()["error"]
