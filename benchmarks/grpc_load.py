"""A client of gRPC that asks a picture's tensor again and again: `python -m benchmarks.grpc_load PORT …`.

It has a process of its own, which is pinned to the second core; prints the answers a second.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import grpc.aio
import numpy
import uvloop
from tritonclient.grpc import service_pb2

from benchmarks.servers import CLIENT_CORE

METHOD = "/inference.GRPCInferenceService/ModelInfer"
SHAPE = [1, 3, 224, 224]


def message() -> bytes:
    """A request with one picture as FP32, raw."""
    request = service_pb2.ModelInferRequest(model_name="image_shape")
    request.inputs.add(name="x", datatype="FP32", shape=SHAPE)
    request.raw_input_contents.append(numpy.zeros(SHAPE, numpy.float32).tobytes())
    return request.SerializeToString()


async def main(port: str, at_once: int, seconds: float) -> None:
    body = message()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary(METHOD)
        answer = service_pb2.ModelInferResponse.FromString(await call(body, wait_for_ready=True))
        assert answer.outputs[0].shape == [1, 10]

        async def ask(end: float) -> int:
            count = 0
            while time.perf_counter() < end:
                await call(body)
                count += 1
            return count

        started = time.perf_counter()
        counts = await asyncio.gather(*(ask(started + seconds) for _ in range(at_once)))
        print(sum(counts) / (time.perf_counter() - started))


if __name__ == "__main__":
    os.sched_setaffinity(0, CLIENT_CORE)
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
