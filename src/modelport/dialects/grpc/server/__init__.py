"""What the server answers to clients of the Open Inference Protocol that speak gRPC, at a port of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelport.api.dialects import DialectServer, Parts
from modelport.api.taken import Taken
from modelport.dialects.grpc.bodies import SERVICE
from modelport.dialects.grpc.server.asked import METHOD
from modelport.dialects.grpc.server.inference import FORM, Inference
from modelport.dialects.oip.server.client_memory import file_of_regions

if TYPE_CHECKING:
    from modelport.api.app import Application
    from modelport.dialects.grpc.server.port import GrpcPort


class GrpcServer(DialectServer):
    """The Open Inference Protocol by gRPC in an application."""

    def __init__(self, parts: Parts):
        super().__init__(parts)
        calls, siblings = parts.calls, parts.jobs.storage.siblings
        inference = Inference(calls, parts.runs, file_of_regions(calls.engine, calls.settings, siblings))
        self._answers = {
            f"/{SERVICE}/ModelInfer": inference.infer,
            f"/{SERVICE}/ModelStreamInfer": inference.stream,
        }

    def taken(self, path: str, method: str) -> Taken | None:
        if method != METHOD or path not in self._answers:
            return None
        return Taken(self._answers[path], FORM, None, path)

    def port(self, app: Application) -> GrpcPort | None:
        settings = self.parts.calls.settings
        if settings.grpc_port is None:
            return None
        from modelport.dialects.grpc.server.port import GrpcPort

        return GrpcPort(app, settings)


SERVER = GrpcServer
