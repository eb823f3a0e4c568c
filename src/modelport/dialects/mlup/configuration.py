"""A configuration of mlup as data, with mlup's names and defaults."""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.settings.groups.mlup import ARCHITECTURES, Mode

NUMPY = "mlup.ml.data_transformers.numpy_data_transformer.NumpyDataTransformer"


def architecture(mode: str) -> str:
    """mlup's own name of a mode."""
    return ARCHITECTURES[Mode(mode)]


def _ml() -> dict[str, Any]:
    return {
        "name": "MyFirstMLupModel",
        "version": "1.0.0.0",
        "type": "sklearn",
        "columns": None,
        "predict_method_name": "predict",
        "auto_detect_predict_params": True,
        "storage_type": "mlup.ml.storage.memory.MemoryStorage",
        "binarization_type": "auto",
        "use_thread_loop": True,
        "max_thread_loop_workers": None,
        "data_transformer_for_predict": NUMPY,
        "data_transformer_for_predicted": NUMPY,
        "dtype_for_predict": None,
    }


def _web() -> dict[str, Any]:
    return {
        "host": "0.0.0.0",
        "port": 8009,
        "web_app_version": "1.0.0.0",
        "column_validation": False,
        "custom_column_pydantic_model": None,
        "mode": ARCHITECTURES[Mode.DIRECTLY_TO_PREDICT],
        "max_queue_size": 100,
        "ttl_predicted_data": 60,
        "ttl_client_wait": 30.0,
        "min_batch_len": 10,
        "batch_worker_timeout": 1.0,
        "is_long_predict": False,
        "show_docs": True,
        "debug": False,
        "throttling_max_requests": None,
        "throttling_max_request_len": None,
        "timeout_for_shutdown_daemon": 3.0,
        "item_id_col_name": "mlup_item_id",
    }


class MlupConfiguration(msgspec.Struct):
    """The two blocks of a configuration: everything that `/info` shows of each."""

    ml: dict[str, Any] = msgspec.field(default_factory=_ml)
    web: dict[str, Any] = msgspec.field(default_factory=_web)
