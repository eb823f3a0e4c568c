"""Traces and the log, as Triton's extensions show them: they are set when the server starts, and not here."""

from __future__ import annotations

import os
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.dialect_calls import told_in
from modelport.api.endpoints.row import ReadBody
from modelport.api.named_models import asked_pool
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.dialects.oip.kept_settings import ChangedLog, ChangedTraces, LogSetting, TraceSetting
from modelport.engine.ports import Engine
from modelport.problems import Problem
from modelport.settings import Settings
from modelport.settings.groups.operations import LogLevel
from modelport.telemetry.traces.choosing import chosen_traces

LEVELS = [level.value for level in LogLevel]


class KeptSettings:
    """The handlers, one method a resource."""

    def __init__(self, engine: Engine, settings: Settings):
        self._engine = engine
        self._settings = settings

    async def traces(self, request: Request) -> Response:
        """`GET /v2/trace/setting`, and that of a model, for which it is no other."""
        with told_in(INFERENCE_ERROR):
            self._check_model(request)
            return json_response(self._traces)

    async def change_traces(self, request: Request, sent: ReadBody[ChangedTraces]) -> Response:
        """`POST /v2/trace/setting`, and that of a model."""
        with told_in(INFERENCE_ERROR):
            self._check_model(request)
            await sent()
            raise Problem(501, _refusal("traced", "traces and trace_sample"))

    async def log(self, request: Request) -> Response:
        """`GET /v2/logging`."""
        said = LEVELS if self._settings.debug else LEVELS[LEVELS.index(self._settings.log_level) :]
        return json_response(
            LogSetting(
                log_file=self._settings.log_file or "",
                log_info=LogLevel.INFO in said,
                log_warning=LogLevel.WARNING in said,
                log_error=LogLevel.ERROR in said,
                log_verbose_level=int(LogLevel.DEBUG in said),
                log_format="ISO8601",
            )
        )

    async def change_log(self, request: Request, sent: ReadBody[ChangedLog]) -> Response:
        """`POST /v2/logging`."""
        with told_in(INFERENCE_ERROR):
            await sent()
            raise Problem(501, _refusal("logged", "log_level and log_file"))

    def _check_model(self, request: Request) -> None:
        if "model" in request.path_params:
            asked_pool(self._engine, request)

    @cached_property
    def _traces(self) -> TraceSetting:
        chosen = chosen_traces(self._settings, os.environ)
        ratio = 0.0 if chosen is None else chosen.ratio
        return TraceSetting(
            trace_level=["TIMESTAMPS" if ratio else "OFF"],
            trace_rate=str(round(1 / ratio)) if ratio else "0",
            trace_count="-1",
            log_frequency="0",
            trace_file="",
            trace_mode="opentelemetry",
        )


def _refusal(what: str, settings: str) -> str:
    return f"what is {what} is set when the server starts: by the settings {settings}"
