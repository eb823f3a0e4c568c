"""What mlup's clients call the rows of a model of a framework, and how they send what is missing."""

from __future__ import annotations

import math
from typing import Any, cast

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.contract.signature import Signature

# mlup names arguments after the parameters of what predicts: those of the framework's own method, or
# `data_for_predict` where that takes anything.
ROWS: dict[str, tuple[str, ...]] = {
    "catboost": ("data",),
    "keras": ("x", "data_for_predict"),
    "lightgbm": ("data",),
    "onnx": ("input_data",),
    "tensorflow": ("args_0", "data_for_predict"),
    "torch": ("x", "input", "data_for_predict"),
    "xgboost": ("data",),
}
# Parameters of the same methods that change the answer, and that are not served.
UNSERVED: dict[str, frozenset[str]] = {
    "catboost": frozenset({"prediction_type", "ntree_start", "ntree_end"}),
    "lightgbm": frozenset({"pred_leaf", "pred_contrib", "start_iteration", "num_iteration"}),
}


def fit_mlup_call(places: Places, signature: Signature) -> None:
    """Give the rows of an array model its own name for them, and null for NaN, which it takes as missing.

    Raises `ArgumentErrors` for an argument of mlup that would be passed over, and would change the answer.
    """
    if signature.contract != "array" or not places.json:
        return
    if places.raw_json is not None and b"NaN" in places.raw_json:
        places.json = {name: _null_for_nan(value) for name, value in places.json.items()}
    framework = str(signature.metadata.get("framework", ""))
    _refuse_unserved(places.json, UNSERVED.get(framework, frozenset()))
    own = signature.predict.arguments[0].name
    known = {argument.name for argument in signature.predict.arguments}
    for name in ROWS.get(framework, ()):
        if name in places.json and name not in known and own not in places.json:
            rows = places.json[name]
            places.json = {own: rows} | {key: value for key, value in places.json.items() if key != name}
            return


def _refuse_unserved(sent: dict[str, Any], unserved: frozenset[str]) -> None:
    details = [
        {"loc": [name], "msg": "This argument is not served: leave it out", "type": "value_error"}
        for name in sent
        if name in unserved and sent[name] not in (None, False, 0)
    ]
    if details:
        raise ArgumentErrors({}, details)


def _null_for_nan(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list):
        return [_null_for_nan(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _null_for_nan(item) for key, item in cast("dict[str, Any]", value).items()}
    return value
