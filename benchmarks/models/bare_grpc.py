"""The same model as a bare server of gRPC: generated classes, `frombuffer`, and no worker."""

from __future__ import annotations

import sys
from typing import Any

import grpc.aio
import numpy
import uvloop
from tritonclient.grpc import service_pb2

SERVICE = "inference.GRPCInferenceService"


async def infer(request: Any, context: Any) -> Any:
    (x,) = request.inputs
    array = numpy.frombuffer(request.raw_input_contents[0], dtype=numpy.float32).reshape(list(x.shape))
    found = array.reshape(array.shape[0], -1)[:, :10]
    answer = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
    answer.outputs.add(name="output", datatype="FP32", shape=found.shape)
    answer.raw_output_contents.append(found.tobytes())
    return answer


async def live(request: Any, context: Any) -> Any:
    return service_pb2.ServerLiveResponse(live=True)


async def main(port: str) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    handlers = {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(
            infer,
            request_deserializer=service_pb2.ModelInferRequest.FromString,
            response_serializer=service_pb2.ModelInferResponse.SerializeToString,
        ),
        "ServerLive": grpc.unary_unary_rpc_method_handler(
            live,
            request_deserializer=service_pb2.ServerLiveRequest.FromString,
            response_serializer=service_pb2.ServerLiveResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
