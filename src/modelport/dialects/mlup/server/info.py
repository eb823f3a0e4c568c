"""`GET /info`: what is served, and with `debug` the whole configuration under mlup's own names."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelport.api.credentials import principal_of
from modelport.api.root.model import RootModel
from modelport.dialects.mlup.configuration import MlupConfiguration, architecture
from modelport.engine.ports import Pool
from modelport.settings import Settings

SHOWN = ("name", "version", "type", "columns")


class Info:
    """The handler of /info. `configuration` is that of an mlup file, if the server was started with one."""

    def __init__(self, model: RootModel, settings: Settings, configuration: MlupConfiguration | None):
        self.model = model
        self.settings = settings
        self.configuration = configuration

    async def info(self, request: Request) -> Response:
        """`GET /info`."""
        pool = self.model.engine.pools[self.model.known_name(principal_of(request.scope))]
        ml = self._of_model(pool)
        web = self._of_server()
        body: dict[str, Any] = {
            "model_info": {name: ml[name] for name in SHOWN},
            "web_app_info": {"version": web["web_app_version"]},
        }
        if self.settings.debug:
            body |= {"model_config": ml, "web_app_config": web}
        return JSONResponse(body)

    def _of_model(self, pool: Pool) -> dict[str, Any]:
        if self.configuration is not None:
            return self.configuration.ml
        options = pool.source.options
        found = MlupConfiguration().ml | {
            "name": pool.name,
            "type": "other",
            "auto_detect_predict_params": options.rows_argument != "data_for_predict",
            "dtype_for_predict": options.dtype or None,
        }
        if options.predict_method:
            found["predict_method_name"] = options.predict_method
        if options.columns:
            found["columns"] = [{"name": column.name, "type": column.type} for column in options.columns]
        if pool.signature is not None:
            metadata = pool.signature.metadata
            found["name"] = str(metadata.get("name") or pool.name)
            found["version"] = str(metadata.get("version") or found["version"])
            found["type"] = str(metadata.get("framework") or "other")
        return found

    def _of_server(self) -> dict[str, Any]:
        """The configuration of the server as it is in force, whoever set it."""
        s = self.settings
        web = (self.configuration or MlupConfiguration()).web
        return web | {
            "host": s.host,
            "port": s.port,
            "mode": architecture(s.mode),
            "max_queue_size": s.queue_size,
            "ttl_predicted_data": s.ttl_predicted_data,
            "ttl_client_wait": s.ttl_client_wait,
            "min_batch_len": s.min_batch_len,
            "batch_worker_timeout": s.batch_worker_timeout,
            "is_long_predict": s.is_long_predict,
            "show_docs": s.doc_endpoint,
            "debug": s.debug,
            "throttling_max_requests": s.throttling_max_requests,
            "throttling_max_request_len": s.throttling_max_request_len,
            "timeout_for_shutdown_daemon": s.drain_timeout,
        }
