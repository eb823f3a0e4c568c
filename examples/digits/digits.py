"""The model without installing it: `modelport serve examples/digits/digits.py`.

An installed package needs no such file; its entry point names `digits_model.api`.
"""

from digits_model.api import (
    get_metadata,
    get_predict_args,
    get_train_args,
    predict,
    resumable,
    schema,
    train,
    validate,
    warm,
)

__all__ = [
    "get_metadata",
    "get_predict_args",
    "get_train_args",
    "predict",
    "resumable",
    "schema",
    "train",
    "validate",
    "warm",
]
