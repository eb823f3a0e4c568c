"""What the server answers to clients of the Open Inference Protocol: inferences, below each model.

What the protocol reads of models and of the server stands where DEEPaaS has it, at the same paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from modelport.api.dialects import DialectServer, Parts
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.row import AccessScope, Endpoint, data, with_body
from modelport.api.endpoints.statuses import FOUND, SENT, STORED, in_own_words
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.api.taken import Taken
from modelport.dialects.oip import bodies
from modelport.dialects.oip.configured import ModelConfiguration
from modelport.dialects.oip.counted import InferenceStatistics
from modelport.dialects.oip.kept_settings import ChangedLog, ChangedTraces, LogSetting, TraceSetting
from modelport.dialects.oip.server.client_memory import ClientRegions, file_of_regions
from modelport.dialects.oip.server.inference import Inference
from modelport.dialects.oip.server.kept_settings import KeptSettings
from modelport.dialects.oip.server.memory_rows import memory_rows
from modelport.dialects.oip.server.statistics import CountedModels, StatisticsRoutes
from modelport.dialects.v2.server import V2Server

ADMIN, PREDICT, READ = AccessScope.ADMIN, AccessScope.PREDICT, AccessScope.READ
TAG = "open inference"

ANSWERS = in_own_words(data("The outputs, as tensors", bodies.InferResponse), bodies.InferError)

INFER = Endpoint(
    "POST", f"{MODEL}/infer",
    with_body(bodies.InferRequest, lambda on: on.of(OipServer).inference.infer), PREDICT,
    TAG, "infer", "Make a prediction with tensors (Open Inference Protocol)",
    ANSWERS, FOUND,
)  # fmt: skip
INFER_VERSION = Endpoint(
    "POST", f"{MODEL}/versions/{{version}}/infer",
    with_body(bodies.InferRequest, lambda on: on.of(OipServer).inference.infer_version), PREDICT,
    TAG, "version_infer", "Make a prediction with tensors by one version",
    ANSWERS, FOUND, parameters=(of.VERSION,),
)  # fmt: skip
TRACES = {200: data("What is traced", TraceSetting)}
UNCHANGED = (501,)
CONFIGURED = {200: data("The configuration", ModelConfiguration)}
COUNTED = {200: data("What was counted of each version that is loaded", InferenceStatistics)}


class OipServer(DialectServer):
    """The Open Inference Protocol in an application."""

    rows = (
        *memory_rows(lambda on: on.of(OipServer).memory),
        Endpoint(
            "GET", "/v2/models/stats",
            lambda on: partial(on.of(OipServer).statistics.all, metadata=on.of(V2Server).resources.metadata),
            READ, TAG, "stats", "How often each model was asked, and how long that took", COUNTED, FOUND,
            description="A model that is called `stats` has its metadata here, and the statistics beside.",
        ),
        Endpoint(
            "GET", "/v2/trace/setting", lambda on: on.of(OipServer).settings.traces, READ,
            TAG, "trace_setting", "Which requests are traced", TRACES,
        ),
        Endpoint(
            "POST", "/v2/trace/setting",
            with_body(ChangedTraces, lambda on: on.of(OipServer).settings.change_traces), ADMIN,
            TAG, "change_trace_setting", "Refused: what is traced is set when the server starts",
            errors=(*SENT, *UNCHANGED),
        ),
        Endpoint(
            "GET", "/v2/logging", lambda on: on.of(OipServer).settings.log, READ,
            TAG, "log_setting", "What the log says", {200: data("What the log says", LogSetting)},
        ),
        Endpoint(
            "POST", "/v2/logging",
            with_body(ChangedLog, lambda on: on.of(OipServer).settings.change_log), ADMIN,
            TAG, "change_log_setting", "Refused: what is logged is set when the server starts",
            errors=(*SENT, *UNCHANGED),
        ),
    )  # fmt: skip
    rows_of_models = (
        INFER,
        INFER_VERSION,
        Endpoint(
            "GET", f"{MODEL}/stats", lambda on: on.of(OipServer).statistics.model, READ,
            TAG, "model_stats", "How often a model was asked, and how long that took", COUNTED, FOUND,
        ),
        Endpoint(
            "GET", f"{MODEL}/versions/{{version}}/stats", lambda on: on.of(OipServer).statistics.version,
            READ, TAG, "version_stats", "How often a version was asked, and how long that took",
            COUNTED, STORED, parameters=(of.VERSION,),
        ),
        Endpoint(
            "GET", f"{MODEL}/config", lambda on: on.of(OipServer).inference.configuration, READ,
            TAG, "model_config", "The configuration of a model, in Triton's words", CONFIGURED, (*FOUND, 503),
        ),
        Endpoint(
            "GET", f"{MODEL}/versions/{{version}}/config",
            lambda on: on.of(OipServer).inference.configuration, READ,
            TAG, "version_config", "The configuration of a version, in Triton's words",
            CONFIGURED, STORED, parameters=(of.VERSION,),
        ),
        Endpoint(
            "GET", f"{MODEL}/trace/setting", lambda on: on.of(OipServer).settings.traces, READ,
            TAG, "model_trace_setting", "Which requests are traced, for this model as for all", TRACES, FOUND,
        ),
        Endpoint(
            "POST", f"{MODEL}/trace/setting",
            with_body(ChangedTraces, lambda on: on.of(OipServer).settings.change_traces), ADMIN,
            TAG, "change_model_trace_setting", "Refused: what is traced is set when the server starts",
            errors=(*FOUND, *SENT, *UNCHANGED),
        ),
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        settings = parts.calls.settings
        file = file_of_regions(parts.calls.engine, settings, parts.jobs.storage.siblings)
        self.memory = ClientRegions(file, settings.client_max_size)
        self.inference = Inference(parts.calls, parts.runs, self.memory.file)
        counted = CountedModels(parts.readings, parts.requests)
        self.statistics = StatisticsRoutes(counted, parts.runs)
        self.settings = KeptSettings(parts.calls.engine, parts.calls.settings)
        self._paths = parts.paths_of_models(INFER)

    def direct(self) -> Iterable[DirectDialect]:
        return (self.inference.direct(self._paths, INFER.path),)

    def taken(self, path: str, method: str) -> Taken | None:
        model = self._paths.get(path)
        if model is None or method != "POST" or not self.parts.calls.settings.predict_endpoint:
            return None
        return Taken(partial(self.inference.calls.live, model=model), INFERENCE_ERROR, model, INFER.path)


SERVER = OipServer
