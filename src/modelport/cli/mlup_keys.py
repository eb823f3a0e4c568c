"""The keys of an mlup configuration: what each takes, and what each becomes here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

TYPES = ("sklearn", "scikit-learn", "lightgbm", "tensorflow", "torch", "onnx_inference_session", "other")
COLUMN_TYPES = ("int", "float", "str", "bool", "list")
MEMORY = "mlup.ml.storage.memory.MemoryStorage"
DISK = "mlup.ml.storage.local_disk.DiskStorage"
STORAGES = {"memory": MEMORY, "disk": DISK}
BINARIZATION = "mlup.ml.binarization."
# mlup's binarizers, by their short names, with the format that each reads; an empty one is recognised.
BINARIZERS = {
    "AUTO": ("auto", ""),
    "MEMORY": (f"{BINARIZATION}memory.MemoryBinarizer", ""),
    "JOBLIB": (f"{BINARIZATION}joblib.JoblibBinarizer", ""),
    "PICKLE": (f"{BINARIZATION}pickle.PickleBinarizer", ""),
    "LIGHTGBM": (f"{BINARIZATION}lightgbm.LightGBMBinarizer", "lightgbm"),
    "TENSORFLOW": (f"{BINARIZATION}tensorflow.TensorFlowBinarizer", ""),
    "TENSORFLOW_ZIP": (f"{BINARIZATION}tensorflow.TensorFlowSavedBinarizer", ""),
    "TORCH": (f"{BINARIZATION}torch.TorchBinarizer", ""),
    "TORCH_JIT": (f"{BINARIZATION}torch.TorchJITBinarizer", "torchscript"),
    "ONNX_INFERENCE_SESSION": (f"{BINARIZATION}onnx.InferenceSessionBinarizer", "onnx"),
    "ONNX_INFERENCE_SESSION_FULL_RETURN": (f"{BINARIZATION}onnx.InferenceSessionFullReturnBinarizer", "onnx"),
}
FIRST_OUTPUT = BINARIZERS["ONNX_INFERENCE_SESSION"][0]
TRANSFORMERS = "mlup.ml.data_transformers."
# mlup's transformers, by their short names, with the form of rows that each makes.
ROW_FORMS = {
    "NUMPY_ARR": (f"{TRANSFORMERS}numpy_data_transformer.NumpyDataTransformer", "numpy"),
    "PANDAS_DF": (f"{TRANSFORMERS}pandas_data_transformer.PandasDataFrameTransformer", "pandas"),
    "TENSORFLOW_TENSOR": (f"{TRANSFORMERS}tf_tensor_data_transformer.TFTensorDataTransformer", "tensorflow"),
    "TORCH_TENSOR": (f"{TRANSFORMERS}torch_tensor_data_transformer.TorchTensorDataTransformer", "torch"),
    "SRC_TYPES": (f"{TRANSFORMERS}src_data_transformer.SrcDataTransformer", "lists"),
}


class Key(NamedTuple):
    """One key. `wanted` says what it takes; `fits` tells whether a value is that.

    `setting` is the name of what it sets here, if that is a setting; a key that `means_nothing` is warned of
    unless it has that default.
    """

    wanted: str
    fits: Callable[[Any], bool]
    setting: str = ""
    means_nothing: bool = False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


def _is_none(value: Any) -> bool:
    return value is None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in cast("dict[Any, Any]", value))


def _is_columns(value: Any) -> bool:
    return value is None or isinstance(value, list)


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _one_of(*choices: str) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(choices)}", lambda value: value in choices


def _named(table: dict[str, Any]) -> tuple[str, Callable[[Any], bool]]:
    full = [entry if isinstance(entry, str) else entry[0] for entry in table.values()]
    return f"one of {', '.join(full)}", lambda value: value in (*full, *table)


TEXT, SWITCH, COUNT = "a text", "true or false", "a whole number of 0 or more"
SECONDS = "a number of seconds"
ML: dict[str, Key] = {
    "name": Key(TEXT, _is_text),
    "version": Key(TEXT, _is_text),
    "type": Key(*_one_of(*TYPES)),
    "columns": Key("a list of columns", _is_columns),
    "predict_method_name": Key(TEXT, _is_text),
    "auto_detect_predict_params": Key(SWITCH, _is_switch),
    "storage_type": Key(*_named(STORAGES)),
    "storage_kwargs": Key("a mapping with path_to_files and files_mask", _or_none(_is_mapping)),
    "binarization_type": Key(*_named(BINARIZERS)),
    "use_thread_loop": Key(SWITCH, _is_switch, means_nothing=True),
    "max_thread_loop_workers": Key(COUNT, _or_none(_is_count), means_nothing=True),
    "data_transformer_for_predict": Key(*_named(ROW_FORMS)),
    "data_transformer_for_predicted": Key(*_named(ROW_FORMS), means_nothing=True),
    "dtype_for_predict": Key(TEXT, _or_none(_is_text)),
}
WEB: dict[str, Key] = {
    "host": Key(TEXT, _is_text, "host"),
    "port": Key("a port", _is_count, "port"),
    "web_app_version": Key(TEXT, _is_text),
    "column_validation": Key(SWITCH, _is_switch),
    "custom_column_pydantic_model": Key(
        "null: write a typed model instead, whose columns have types in Python", _is_none
    ),
    "mode": Key("an architecture", _is_text, "mode"),
    "max_queue_size": Key(COUNT, _is_count, "queue_size"),
    "ttl_predicted_data": Key(SECONDS, _is_number, "ttl_predicted_data"),
    "ttl_client_wait": Key(SECONDS, _is_number, "ttl_client_wait"),
    "min_batch_len": Key(COUNT, _is_count, "min_batch_len"),
    "batch_worker_timeout": Key(SECONDS, _is_number, "batch_worker_timeout"),
    "is_long_predict": Key(SWITCH, _is_switch, "is_long_predict"),
    "show_docs": Key(SWITCH, _is_switch, "doc_endpoint"),
    "debug": Key(SWITCH, _is_switch, "debug"),
    "throttling_max_requests": Key(COUNT, _or_none(_is_count), "throttling_max_requests"),
    "throttling_max_request_len": Key(COUNT, _or_none(_is_count), "throttling_max_request_len"),
    "timeout_for_shutdown_daemon": Key(SECONDS, _is_number, "drain_timeout"),
    "uvicorn_kwargs": Key("a mapping", _or_none(_is_mapping)),
    "item_id_col_name": Key(TEXT, _is_text, means_nothing=True),
}
BLOCKS = {"ml": ML, "web": WEB}
# What uvicorn calls a setting of ours; its other arguments have no meaning here.
UVICORN = {
    "host": "host",
    "port": "port",
    "workers": "workers",
    "log_level": "log_level",
    "timeout_keep_alive": "keep_alive",
    "timeout_graceful_shutdown": "drain_timeout",
    "backlog": "",
    "access_log": "",
}


def full_name(table: dict[str, Any], given: str) -> str:
    """mlup's dotted name, which a short one stands for."""
    entry = table.get(given, given)
    return entry if isinstance(entry, str) else entry[0]


def meaning(table: dict[str, tuple[str, str]], given: str) -> str:
    """What the name stands for here, whichever form it has."""
    return next(entry[1] for short, entry in table.items() if given in (short, entry[0]))
