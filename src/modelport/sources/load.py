"""From a source to a model that can be served."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from marshmallow.warnings import Marshmallow4Warning as MarshmallowWarning

from modelport.contract.errors import ModelLoadError
from modelport.contract.model import Model
from modelport.contract.served import ServedModel
from modelport.sources.deepaas_modules import let_errors_be_reasons
from modelport.sources.python import load_object
from modelport.sources.source import Source


def load_model(source: Source) -> ServedModel:
    """Load the model and read its contract. Raises `ModelLoadError` with the reason."""
    with warnings.catch_warnings():
        # The old idioms (missing=, description=) work; the person who serves a model cannot change them.
        warnings.filterwarnings("ignore", category=MarshmallowWarning)
        model = load_object(source)
        let_errors_be_reasons()
        try:
            return served_model(model, source.name)
        except ModelLoadError as error:
            raise ModelLoadError(f"{source}: {error}") from error
        except Exception as error:  # the model's own functions run while its contract is read
            raise ModelLoadError(
                f"{source}: reading its contract failed: {type(error).__name__}: {error}"
            ) from error


def served_model(model: Any, name: str) -> ServedModel:
    """A model object behind the contract it was written for."""
    if is_typed(model):
        from modelport.contract.typed import TypedModel

        return TypedModel(model, name)
    from modelport.contract.deepaas import DeepaasModel

    return DeepaasModel(model, name)


def is_typed(model: Any) -> bool:
    """True for a `modelport.Model`, and for anything whose `predict` has annotated parameters."""
    if isinstance(model, Model):
        return True
    predict = getattr(model, "predict", None)
    if not callable(predict) or hasattr(model, "get_predict_args"):
        return False
    named = [p for p in inspect.signature(predict).parameters.values() if p.kind is not p.VAR_KEYWORD]
    return bool(named) and all(p.annotation is not p.empty for p in named)
