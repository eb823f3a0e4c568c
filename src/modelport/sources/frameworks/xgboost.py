"""XGBoost: boosters and the scikit-learn-like estimators, out of JSON, UBJSON and (before 3.1) binary files.

Read from the model: names and types of the features, the categories (kept in files of XGBoost 3.1 and
newer), the objective, the number of classes. Values may be missing.
"""

from __future__ import annotations

import importlib
import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ArgumentErrors
from modelport.contract.model_options import Column, ModelOptions
from modelport.contract.signature import Argument
from modelport.sources.frameworks.border import FunctionAdapter, framework_module, loading, switch

ROWS = "X"
ESTIMATORS = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
OLD = "is the file whole? An old binary file must first be saved as JSON with XGBoost 3.0 or older"
MARGIN = switch("output_margin", "Answer with the raw sums of the trees, before the objective's function.")
PROBABILITIES = switch("predict_proba", "Answer with the probability of each class.")
# What `predict` of a booster answers with, by the start of the objective's name.
ANSWERS = {
    "binary:logistic": "probability of the second class",
    "binary:logitraw": "score before the logistic function",
    "binary:hinge": "class, 0 or 1",
    "multi:softmax": "number of the class",
    "multi:softprob": "probability of each class",
    "reg:logistic": "probability",
    "rank:": "score, to order rows by",
    "survival:cox": "hazard ratio",
    "survival:aft": "survival time",
    "count:poisson": "expected count",
}


def load(path: Path, options: ModelOptions) -> Any:
    """The estimator that was saved, else the booster. Raises `ModelLoadError`.

    A file that an estimator wrote says so; without scikit-learn it is loaded as a booster.
    """
    xgboost = framework_module("xgboost", "xgboost")
    with loading(path, "xgboost", OLD):
        booster = xgboost.Booster(model_file=str(path))
        estimator = _estimator_of(xgboost, booster)
        if estimator is None:
            return booster
        estimator.load_model(str(path))
        return estimator


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for a booster or a fitted estimator; `None` for anything else."""
    is_estimator = hasattr(obj, "get_booster")
    if not is_estimator and not hasattr(obj, "inplace_predict"):
        return None
    booster = obj.get_booster() if is_estimator else obj
    objective = _objective(booster)
    categories = _categories(booster)
    columns = _columns(booster, categories)
    run = partial(_estimate, obj) if is_estimator else partial(_boost, obj)
    return FunctionAdapter(
        framework="xgboost",
        metadata=_metadata(obj, booster, objective),
        inputs=[
            Input(
                name=ROWS,
                dtype="float32",  # what the trees compare
                shape=[None, booster.num_features()],
                columns=columns,
                as_frame=bool(columns) and (bool(categories) or _is_linear(booster)),
                allows_missing=True,
                samples={n: categories[c.name][0] for n, c in enumerate(columns) if categories.get(c.name)},
            )
        ],
        options=_options(obj, is_estimator),
        batches=True,
        run=partial(_checked, run, categories),
    )


def _checked(
    run: Any, categories: dict[str, list[Any]], inputs: dict[str, Any], options: dict[str, Any]
) -> Any:
    """Predict, with the columns of categories as pandas has them."""
    rows = inputs[ROWS]
    if categories and hasattr(rows, "columns"):
        rows = _categorical(rows, categories)
    return run(rows, options)


def _categorical(frame: Any, categories: dict[str, list[Any]]) -> Any:
    pandas: Any = importlib.import_module("pandas")
    columns: dict[str, Any] = {}
    wrong: dict[str, dict[str, list[str]]] = {}
    for name in frame.columns:
        if name not in categories:
            columns[name] = frame[name].astype("float32")
            continue
        known = categories[name]
        for row in (frame[name].notna() & ~frame[name].isin(known)).to_numpy().nonzero()[0]:
            listed = ", ".join(map(str, known[:10]))
            wrong.setdefault(str(row), {})[name] = [f"Not a category of this column: {listed}"]
        if not wrong:
            columns[name] = pandas.Categorical(frame[name], categories=known)
    if wrong:
        raise ArgumentErrors({ROWS: wrong})
    return pandas.DataFrame(columns, index=frame.index)


def _boost(booster: Any, rows: Any, options: dict[str, Any]) -> Any:
    xgboost: Any = importlib.import_module("xgboost")
    if hasattr(rows, "columns"):
        matrix = xgboost.DMatrix(rows, enable_categorical=True)
    else:
        matrix = xgboost.DMatrix(
            rows,
            feature_names=booster.feature_names,
            feature_types=booster.feature_types,
            enable_categorical=True,
        )
    return booster.predict(matrix, output_margin=bool(options.get(MARGIN.name)))


def _estimate(estimator: Any, rows: Any, options: dict[str, Any]) -> Any:
    if options.get(PROBABILITIES.name):
        return estimator.predict_proba(rows)
    if options.get(MARGIN.name):
        return estimator.predict(rows, output_margin=True)
    return estimator.predict(rows)


def _options(obj: Any, is_estimator: bool) -> list[Argument]:
    return [PROBABILITIES, MARGIN] if is_estimator and hasattr(obj, "predict_proba") else [MARGIN]


def _estimator_of(xgboost: Any, booster: Any) -> Any:
    """An empty estimator of the class that wrote the file; `None` for a booster."""
    said = booster.attributes().get("scikit_learn")
    kind = json.loads(said).get("_estimator_type") if said else None
    if kind not in ESTIMATORS:
        return None
    try:
        return getattr(xgboost, ESTIMATORS[kind])()
    except ImportError:  # scikit-learn is not there
        return None


def _columns(booster: Any, categories: dict[str, list[Any]]) -> list[Column]:
    names: list[str] = booster.feature_names or []
    types: list[str] = booster.feature_types or []
    return [
        Column(name=name, type=_column_type(types[number] if types else "float", categories.get(name)))
        for number, name in enumerate(names)
    ]


def _column_type(said: str, categories: list[Any] | None) -> Any:
    if categories is not None:
        return "str" if all(isinstance(one, str) for one in categories) else "any"
    return "int" if said == "c" else "float"  # a code; `int` and `i` only say what was seen in training


def _categories(booster: Any) -> dict[str, list[Any]]:
    """The categories of each column that has some, in the order of their codes, where the model keeps them.

    They are read out of the model's JSON: xgboost itself gives them as Arrow tables only. Texts beyond ASCII
    are damaged when xgboost takes them from pandas (it counts letters as bytes); then codes have to do.
    """
    names: list[str] = booster.feature_names or []
    types: list[str] = booster.feature_types or []
    if "c" not in types:
        return {}
    trees: dict[str, Any] = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    kept: list[dict[str, Any]] = trees.get("gbtree", trees).get("model", {}).get("cats", {}).get("enc", [])
    if any(value < 0 or value > 127 for one in kept if "offsets" in one for value in one["values"]):
        return {}
    found = {name: _values(one) for name, one in zip(names, kept, strict=False)}
    return {name: values for name, values in found.items() if values}


def _values(encoded: dict[str, Any]) -> list[Any]:
    values: list[Any] = encoded.get("values", [])
    offsets: list[int] | None = encoded.get("offsets")
    if offsets is None:
        return values
    text = bytes(values).decode("ascii")
    return [text[start:end] for start, end in pairwise(offsets)]


def _objective(booster: Any) -> dict[str, Any]:
    learner: dict[str, Any] = json.loads(booster.save_config())["learner"]
    return {
        "objective": learner["objective"]["name"],
        "booster": learner["gradient_booster"]["name"],
        "classes": int(learner["learner_model_param"].get("num_class", "0")),
    }


def _is_linear(booster: Any) -> bool:
    return _objective(booster)["booster"] == "gblinear"


def _metadata(obj: Any, booster: Any, objective: dict[str, Any]) -> dict[str, Any]:
    name: str = objective["objective"]
    found: dict[str, Any] = {"model": type(obj).__name__, "objective": name, "booster": objective["booster"]}
    found["trees"] = booster.num_boosted_rounds()
    if obj is booster:
        answers = next((text for start, text in ANSWERS.items() if name.startswith(start)), "")
        found["answers"] = answers
        if objective["classes"] > 1:
            found["classes"] = list(range(objective["classes"]))
    elif hasattr(obj, "predict_proba"):
        found["classes"] = obj.classes_.tolist()
    return {key: value for key, value in found.items() if value}
