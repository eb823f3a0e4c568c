"""LightGBM: boosters out of text files, and the scikit-learn-like estimators.

Read from the model: names of the features, the columns that hold categories with their values, the
objective, the number of classes. Values may be missing.
"""

from __future__ import annotations

import importlib
import re
from functools import partial
from pathlib import Path
from typing import Any

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import Column, ModelOptions
from modelport.sources.frameworks.border import FunctionAdapter, framework_module, loading, switch

ROWS = "X"
RAW = switch("raw_score", "Answer with the raw sums of the trees, before the objective's function.")
PROBABILITIES = switch("predict_proba", "Answer with the probability of each class.")
MADE_UP = re.compile(r"Column_\d+")  # the names that LightGBM gives to columns without one
CATEGORICAL = re.compile(r"^\[categorical_(?:feature|column): ([\d,]+)\]$", re.MULTILINE)
SIZES = re.compile(rb"^tree_sizes=([\d ]*)$", re.MULTILINE)
INFOS = re.compile(r"^feature_infos=(.*)$", re.MULTILINE)
ANSWERS = {
    "binary": "probability of the second class",
    "multiclass": "probability of each class",
    "multiclassova": "probability of each class",
    "cross_entropy": "probability",
    "lambdarank": "score, to order rows by",
    "rank_xendcg": "score, to order rows by",
}


def load(path: Path, options: ModelOptions) -> Any:
    """The booster of a text file. Raises `ModelLoadError`."""
    lightgbm = framework_module("lightgbm", "lightgbm")
    with loading(path, "lightgbm"):
        _check_sizes(path)
        return lightgbm.Booster(model_file=str(path))


def _check_sizes(path: Path) -> None:
    """LightGBM reads trees in threads, by their sizes, and aborts where one does not begin there."""
    text = path.read_bytes()
    said = SIZES.search(text)
    at = text.find(b"Tree=")
    for size in said[1].split() if said is not None else ():
        if not text.startswith(b"Tree=", at):
            raise ModelLoadError(
                f"{path}: its trees do not have the sizes that it says; copy or save it again"
            )
        at += int(size)


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for a booster or a fitted estimator; `None` for anything else."""
    is_estimator = hasattr(obj, "booster_")
    if not is_estimator and not hasattr(obj, "num_feature"):
        return None
    booster = obj.booster_ if is_estimator else obj
    categories = _categories(booster)
    columns = _columns(booster, categories)
    as_frame = bool(booster.pandas_categorical) and bool(columns)
    return FunctionAdapter(
        framework="lightgbm",
        metadata=_metadata(obj, booster),
        inputs=[
            Input(
                name=ROWS,
                dtype="float64",
                shape=[None, booster.num_feature()],
                columns=columns,
                as_frame=as_frame,
                allows_missing=True,
                samples={n: categories[c.name][0] for n, c in enumerate(columns) if categories.get(c.name)},
                underscores=True,  # which LightGBM has put in the place of spaces
            )
        ],
        options=[PROBABILITIES, RAW] if hasattr(obj, "predict_proba") else [RAW],
        batches=True,
        run=partial(_run, obj, [column.name for column in columns], categories if as_frame else {}),
    )


def _run(
    model: Any,
    names: list[str],
    categories: dict[str, list[Any]],
    inputs: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    rows = inputs[ROWS]
    if names and hasattr(rows, "columns"):  # those of a signature may have spaces
        rows = rows.set_axis(names, axis=1)
    if categories:
        rows = _categorical(rows, categories)
    if options.get(PROBABILITIES.name):
        return model.predict_proba(rows)
    if options.get(RAW.name):
        return model.predict(rows, raw_score=True)
    return model.predict(rows)


def _categorical(frame: Any, categories: dict[str, list[Any]]) -> Any:
    """The frame as LightGBM saw it in training; a category that it never saw counts as missing."""
    pandas: Any = importlib.import_module("pandas")
    return pandas.DataFrame(
        {
            name: pandas.Categorical(_known(frame[name], categories[name]), categories=categories[name])
            if name in categories
            else frame[name].astype("float64")
            for name in frame.columns
        },
        index=frame.index,
    )


def _known(values: Any, categories: list[Any]) -> Any:
    known = set(categories)
    return [value if value in known else None for value in values]


def _categories(booster: Any) -> dict[str, list[Any]]:
    """The values of the columns that were pandas' categories in training, in the order of the columns."""
    values: list[list[Any]] = booster.pandas_categorical or []
    if not values:
        return {}
    names: list[str] = booster.feature_name()
    columns = _categorical_columns(booster.model_to_string(num_iteration=1))
    if len(columns) != len(values):
        return {}
    return {names[column]: kept for column, kept in zip(columns, values, strict=True)}


def _categorical_columns(text: str) -> list[int]:
    """Their numbers, out of the parameters in the model's text, else out of the ranges of the features."""
    said = CATEGORICAL.search(text)
    if said is not None:
        return sorted(int(number) for number in said[1].split(","))
    infos = INFOS.search(text)
    ranges = infos[1].split(" ") if infos is not None else []
    return [number for number, one in enumerate(ranges) if one != "none" and not one.startswith("[")]


def _columns(booster: Any, categories: dict[str, list[Any]]) -> list[Column]:
    names: list[str] = booster.feature_name()
    if all(MADE_UP.fullmatch(name) for name in names):
        return []
    return [Column(name=name, type=_column_type(categories.get(name))) for name in names]


def _column_type(categories: list[Any] | None) -> Any:
    if categories is None:
        return "float"
    return "str" if all(isinstance(one, str) for one in categories) else "any"


def _metadata(obj: Any, booster: Any) -> dict[str, Any]:
    told = re.search(r"^objective=(\w+)", booster.model_to_string(num_iteration=1), re.MULTILINE)
    objective = told[1] if told is not None else ""
    found: dict[str, Any] = {
        "model": type(obj).__name__,
        "objective": objective,
        "trees": booster.num_trees(),
    }
    if obj is booster:
        found["answers"] = ANSWERS.get(objective, "")
        if booster.num_model_per_iteration() > 1:
            found["classes"] = list(range(booster.num_model_per_iteration()))
    elif hasattr(obj, "classes_"):
        found["classes"] = obj.classes_.tolist()
    return {key: value for key, value in found.items() if value}
