"""KServe's own client, really installed in an environment of its own, asks a server of ours by V1 and V2."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from environments import installed_from, needs_registry
from serving import environment, serving

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(900)
ASKING = """
import asyncio, sys
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

async def ask(url):
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await v2.is_server_live(url)
    assert await v2.is_server_ready(url)
    assert await v2.is_model_ready(url, "adds")
    assert await v1.is_model_ready(url, "rows")
    x = InferInput("x", [2], "FP32", [1.0, 2.0])
    found = await v2.infer(url, InferRequest("adds", [x]), model_name="adds")
    print(found.outputs[0].name, found.outputs[0].data)
    import numpy
    x = InferInput("x", [2], "FP32")
    x.set_data_from_numpy(numpy.array([3.0, 4.0], dtype="f4"), binary_data=True)
    found = await v2.infer(url, InferRequest("adds", [x]), model_name="adds")
    print(found.outputs[0].as_numpy().tolist())
    print(await v1.infer(url, {"instances": [[1, 2]]}, model_name="rows"))

asyncio.run(ask(sys.argv[1]))
"""


def test_it_asks_by_both_protocols(tmp_path: Path) -> None:
    with needs_registry():
        python = installed_from("kserve", HERE / "kserve.txt")
    with serving("adds=tensor_models:Adds", "rows=tensor_models:Plain") as server:
        done = subprocess.run(
            [str(python), "-c", ASKING, server.url],
            capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment(),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr + server.log
    assert done.stdout.splitlines()[:2] == ["sum [2.0, 3.0]", "[4.0, 5.0]"]
