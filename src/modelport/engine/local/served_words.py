"""What the log says of a model that is ready: what it turned out to be, and how long that took."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

from modelport.contract.signature import Operation, Signature
from modelport.sources.source import Source, old_group_words
from modelport.worker.frames import Ready

log = logging.getLogger("modelport.engine")

TITLES = {
    "sklearn": "scikit-learn",
    "onnx": "ONNX",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "torch": "PyTorch",
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "mlflow": "MLflow",
}


def log_served(source: Source, ready: Ready, seconds: float) -> None:
    """Say that a model is ready, so many seconds after its start, and what is wrong with it."""
    name = source.name
    if words := old_group_words(source):
        log.warning("%s: %s", name, words)
    for problem in ready.signature.problems:
        log.warning("%s: %s", name, problem)
    if source.is_saved:
        log.info("%s: %s", name, served_words(source, ready.signature))
    log.info(
        "%s: ready after %.1f s (loaded in %.1f s, warmed in %.1f s)",
        name, seconds, ready.load_seconds, ready.warm_seconds,
    )  # fmt: skip


def served_words(source: Source, signature: Signature) -> str:
    """Such as `scikit-learn 1.5 LogisticRegression, 4 features, from iris.skops (skops)`."""
    said = signature.metadata
    framework = str(said.get("framework") or "")
    words = [TITLES.get(framework, framework), said.get("framework_version"), said.get("model")]
    known = " ".join(str(word) for word in words if word) or f"a model of the {signature.contract} contract"
    features = _features(signature.predict)
    width = f", {features} feature{'s' * (features != 1)}" if features else ""
    if source.saved:
        return f"{known}{width}, which a training has saved as {Path(source.saved).name}"
    origin = f"{Path(source.target).name} ({source.options.format})"
    return f"{known}{width}, from {origin if source.kind == 'model' else source}"


def _features(predict: Operation) -> int:
    """How wide the only table of rows is; 0 where there is none, or its width is not known."""
    tables = [a.schema for a in predict.arguments if a.schema.get("format") == "table"]
    if len(tables) != 1:
        return 0
    items: Any = tables[0].get("items", {})
    rows = cast("list[dict[str, Any]]", items.get("anyOf") or [items])
    return next((int(row["maxItems"]) for row in rows if "maxItems" in row), 0)
