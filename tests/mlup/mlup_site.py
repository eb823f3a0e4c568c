"""A server with an mlup configuration, for tests that are mlup's clients."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import serving

ML_KEYS = frozenset({
    "name", "version", "type", "columns", "predict_method_name", "auto_detect_predict_params", "storage_type",
    "storage_kwargs", "binarization_type", "use_thread_loop", "max_thread_loop_workers",
    "data_transformer_for_predict", "data_transformer_for_predicted", "dtype_for_predict",
})  # fmt: skip
PLAIN = {"data_transformer_for_predict": "SRC_TYPES", "data_transformer_for_predicted": "SRC_TYPES"}


def blocks(flat: dict[str, Any]) -> dict[str, Any]:
    """A configuration in mlup's two blocks, from keys without them."""
    ml = {key: value for key, value in flat.items() if key in ML_KEYS}
    return {"version": "1", "ml": ml, "web": {key: flat[key] for key in flat if key not in ML_KEYS}}


@contextlib.contextmanager
def mlup_serving(model: Path | str, config: dict[str, Any], *options: str) -> Iterator[serving.Server]:
    """Serve a Python file's `model` with a configuration, which is written as JSON, and so as YAML."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mlup.yaml"
        file.write_text(json.dumps(blocks(config)), encoding="utf-8")
        source = f"{serving.MODELS / f'{model}.py'}:model" if isinstance(model, str) else f"{model}:model"
        with serving.serving(source, "--config", str(file), "--host", "127.0.0.1", *options) as server:
            yield server
