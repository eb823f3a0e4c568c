"""CatBoost models, out of its binary files (.cbm) and its JSON.

Read from the model: names of the features, which of them hold categories, texts or embeddings, the loss
and the classes. Numbers may be missing.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import Column, ModelOptions
from modelport.sources.frameworks.border import FunctionAdapter, first_line, framework_module, loading, switch

ROWS = "X"
RAW = switch("raw_values", "Answer with the raw sums of the trees, before the loss function's own form.")
PROBABILITIES = switch("predict_proba", "Answer with the probability of each class.")

RANKINGS = ("YetiRank", "PairLogit", "Query", "StochasticRank", "LambdaMart", "GroupQuantile")


def load(path: Path, options: ModelOptions) -> Any:
    """A classifier where the model knows classes, a ranker's `CatBoost`, or a regressor.

    Raises `ModelLoadError`.
    """
    catboost = framework_module("catboost", "catboost")
    with loading(path, "catboost"):
        with path.open("rb") as file:
            form = "json" if file.read(64).lstrip().startswith(b"{") else "cbm"
        model = catboost.CatBoost().load_model(str(path), format=form)
        if len(model.classes_):
            return catboost.CatBoostClassifier().load_model(str(path), format=form)
        if _loss(model).startswith(RANKINGS):
            return model
        return catboost.CatBoostRegressor().load_model(str(path), format=form)


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for a fitted model of CatBoost; `None` for anything else."""
    if not hasattr(obj, "get_cat_feature_indices"):
        return None
    if not obj.is_fitted():
        raise ModelLoadError("this CatBoost model was never fitted: fit it before it is saved")
    columns = _columns(obj)
    plain = all(column.type == "float" for column in columns)
    return FunctionAdapter(
        framework="catboost",
        metadata=_metadata(obj),
        inputs=[
            Input(
                name=ROWS,
                dtype="float32" if plain else "",
                shape=[None, len(columns)],
                columns=columns,
                as_frame=not plain,
                allows_missing=plain,  # CatBoost takes no missing category or text
            )
        ],
        options=[PROBABILITIES, RAW] if hasattr(obj, "predict_proba") else [RAW],
        batches=True,
        run=partial(
            _run, obj, [column.name for column in columns if column.type == "float"] if not plain else []
        ),
    )


def _run(model: Any, numbers: list[str], inputs: dict[str, Any], options: dict[str, Any]) -> Any:
    rows = inputs[ROWS]
    if numbers and hasattr(rows, "astype") and hasattr(rows, "columns"):
        rows = rows.astype(dict.fromkeys(numbers, "float32"))  # null in a column of numbers is NaN
    if options.get(PROBABILITIES.name):
        return model.predict_proba(rows)
    if options.get(RAW.name):
        return model.predict(rows, prediction_type="RawFormulaVal")
    return model.predict(rows)


def _columns(model: Any) -> list[Column]:
    kinds: dict[int, Any] = dict.fromkeys(model.get_cat_feature_indices(), "any")  # texts or whole numbers
    kinds |= dict.fromkeys(model.get_text_feature_indices(), "str")
    kinds |= dict.fromkeys(model.get_embedding_feature_indices(), "list")
    return [
        Column(name=str(name), type=kinds.get(number, "float"), missing=number not in kinds)
        for number, name in enumerate(model.feature_names_)
    ]


def _metadata(model: Any) -> dict[str, Any]:
    said: dict[str, Any] = dict(model.get_metadata())
    found: dict[str, Any] = {
        "model": type(model).__name__,
        "loss": _loss(model),
        "trees": model.tree_count_,
        "trained": said.get("train_finish_time", ""),
        "classes": list(getattr(model.classes_, "tolist", lambda: model.classes_)()),
    }
    return {key: value for key, value in found.items() if value}


def _loss(model: Any) -> str:
    try:
        return str(model.get_all_params().get("loss_function", ""))
    except Exception as error:  # catboost's own error class is not worth an import; the model still predicts
        return f"unknown ({first_line(error)})"
