"""Which framework an object belongs to, and the adapter that serves it.

Each framework has one module here, `modelport.sources.frameworks.NAME`, with one function
`adapt(obj, options) -> ArrayAdapter | None`; only the module that is needed is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modelport.contract.model_options import ModelOptions

if TYPE_CHECKING:
    from modelport.contract.arrays.adapter import ArrayAdapter

# The package that defines a class, and the module here that knows its objects.
FRAMEWORKS = {
    "sklearn": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "onnxruntime": "onnxruntime",
    "torch": "torch",
    "keras": "keras",
    "tf_keras": "keras",
    "tensorflow": "keras",
    "transformers": "transformers",
    "mlflow": "mlflow",
}


def adapter_of(obj: object, options: ModelOptions) -> ArrayAdapter | None:
    """The adapter for an object of a known framework; `None` for any other object.

    The framework of the nearest class counts: an `XGBClassifier` belongs to xgboost, though it inherits
    from scikit-learn, which is asked only where xgboost's module answers `None`. Raises `ModelLoadError`
    for an object that its framework cannot predict with.
    """
    for framework in frameworks_of(obj):
        module: Any = importlib.import_module(f"modelport.sources.frameworks.{framework}")
        adapter: ArrayAdapter | None = module.adapt(obj, options)
        if adapter is not None:
            return adapter
    return None


def frameworks_of(obj: object) -> list[str]:
    """The known frameworks among the classes of an object, the nearest first."""
    packages = [cls.__module__.partition(".")[0] for cls in type(obj).__mro__]
    return list(dict.fromkeys(FRAMEWORKS[package] for package in packages if package in FRAMEWORKS))
