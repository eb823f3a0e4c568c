"""Servers that speak gRPC, and clients of others for tests of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import grpc
import numpy
import tritonclient.grpc as triton
from serving import Server, serving
from tritonclient.grpc import service_pb2

GRPC = re.compile(r"gRPC on (\S+)")
SERVICE = "/inference.GRPCInferenceService"
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@contextlib.contextmanager
def grpc_serving(*arguments: str, **options: Any) -> Iterator[tuple[Server, str]]:
    """A server, and where it speaks gRPC."""
    with serving(*arguments, "--grpc-port", "0", **options) as server:
        yield server, address_of(server)


def address_of(server: Server) -> str:
    return server.wait_for_log(GRPC).group(1)


def tensor(name: str, array: Any, kind: str = "FP32") -> Any:
    made = triton.InferInput(name, list(array.shape), kind)
    made.set_data_from_numpy(array)
    return made


def texts(name: str, *values: bytes | str) -> Any:
    return tensor(name, numpy.array(values, dtype=object), "BYTES")


def request_for(model: str, **fields: Any) -> service_pb2.ModelInferRequest:
    return service_pb2.ModelInferRequest(model_name=model, **fields)


def given(
    request: service_pb2.ModelInferRequest,
    name: str,
    datatype: str,
    shape: list[int],
    raw: bytes | None = None,
) -> Any:
    """Add an input to a request; typed contents are for the caller to add to what this returns."""
    one = request.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    return one


class Raw:
    """Calls of bytes, whatever they are."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None):
        self.channel = (
            grpc.insecure_channel(address, UNLIMITED)
            if credentials is None
            else grpc.secure_channel(address, credentials, UNLIMITED)
        )

    def __call__(self, method: str, message: bytes, seconds: float = 20, metadata: Any = None) -> bytes:
        path = method if method.startswith("/") else f"{SERVICE}/{method}"
        return self.channel.unary_unary(path)(message, timeout=seconds, metadata=metadata)

    def infer(self, request: Any, **options: Any) -> service_pb2.ModelInferResponse:
        return service_pb2.ModelInferResponse.FromString(
            self("ModelInfer", request.SerializeToString(), **options)
        )

    def refused(self, request: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
        """How an inference is refused."""
        message = request if isinstance(request, bytes) else request.SerializeToString()
        try:
            self("ModelInfer", message, **options)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError("it was not refused")
