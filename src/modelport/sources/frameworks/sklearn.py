"""scikit-learn's estimators and pipelines, and whatever follows its conventions."""

from __future__ import annotations

import importlib
import re
import warnings
from importlib.util import find_spec
from typing import Any, cast

from msgspec import structs

from modelport.contract.arrays.adapter import ArrayAdapter, CellsRefused, Input
from modelport.contract.errors import ArgumentErrors, HTTPError, ModelLoadError
from modelport.contract.model_options import Column, ModelOptions
from modelport.contract.plain import plain
from modelport.contract.signature import Argument
from modelport.sources.frameworks.sklearn_categories import known_categories, unknown_cells
from modelport.sources.frameworks.sklearn_columns import Looks, looks_of
from modelport.sources.frameworks.sklearn_missing import missing_columns, refused_cells
from modelport.sources.frameworks.sklearn_names import has_no_code_of_its_own, names_are_not_needed
from modelport.sources.frameworks.sklearn_parts import first_steps, is_own_kind

METHODS = ("predict", "predict_proba", "transform")
OPTIONS = {
    "predict_proba": "Answer with the probability of each class instead of the class.",
    "decision_function": "Answer with the value of the decision function instead of the class.",
}
# The columns of a request are in the order of the names already.
WORDS = "X does not have valid feature names"
NAMELESS = ("ignore", re.compile(WORDS, re.IGNORECASE), UserWarning, None, 0)
DENSE_VALUES = 1 << 26  # of a sparse answer, which travels as all of its values


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """The adapter of an estimator; `None` for what is none, or has a `predict` with parameters of its own.

    Raises `ModelLoadError` for an estimator that is not fitted, or that predicts nothing for new rows.
    """
    base: Any = importlib.import_module("sklearn.base")
    if not isinstance(obj, base.BaseEstimator):
        return None
    method = _method(obj, options)
    if _has_own_parameters(obj, method):
        return None
    _check_fitted(obj)
    return SklearnAdapter(obj, method)


class SklearnAdapter:
    """A fitted estimator. Its rows do not depend on each other."""

    framework = "sklearn"
    batches = True

    def __init__(self, model: Any, method: str):
        self.model = model
        self.method = method
        self.metadata = _metadata(model)
        self.inputs = [_input(model, method)]
        self.categories = known_categories(model, _width(model, None) or 0)
        self.nameless = bool(self.inputs[0].columns) and not self.inputs[0].as_frame
        self.options = [
            Argument(name=name, schema={"type": "boolean", "default": False, "description": words})
            for name, words in OPTIONS.items()
            if name != method and callable(getattr(model, name, None))
        ]

    def predict(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        """Predict. Raises `ArgumentErrors` where two ways to predict are asked for at once."""
        asked = [name for name, value in options.items() if value]
        if len(asked) > 1:
            raise ArgumentErrors({name: [f"Give only one of {', '.join(asked)}."] for name in asked})
        if self.nameless and NAMELESS not in warnings.filters:
            warnings.filterwarnings("ignore", WORDS, UserWarning)
        try:
            result = getattr(self.model, asked[0] if asked else self.method)(inputs["X"])
        except (ValueError, AttributeError) as error:  # a look at each cell is worth it only now
            cells = unknown_cells(inputs["X"], self.categories) if self.categories else []
            cells = cells or refused_cells(error, inputs["X"], self.inputs[0].columns)
            if cells:
                raise CellsRefused(cells) from None
            raise
        if isinstance(result, list):  # one array for each output
            arrays = cast("list[Any]", result)
            return {f"output_{number}": array for number, array in enumerate(arrays)}
        if hasattr(result, "toarray"):
            return _dense(result)
        return result.to_numpy() if hasattr(result, "iloc") else result


def _dense(result: Any) -> Any:
    values = int(result.shape[0]) * int(result.shape[1])
    if values > DENSE_VALUES:
        raise HTTPError(413, f"the answer would have {values} values; send fewer rows")
    return result.toarray()


def _method(obj: Any, options: ModelOptions) -> str:
    wanted = [options.predict_method] if options.predict_method else METHODS
    found = next((name for name in wanted if callable(getattr(obj, name, None))), "")
    if not found:
        raise ModelLoadError(
            f"{type(obj).__name__} has no {' or '.join(f'{name}()' for name in wanted)} for new rows, "
            "so there is nothing to serve"
        )
    return found


def _has_own_parameters(obj: Any, method: str) -> bool:
    """Whether a user's own class has further parameters, which the object contract can offer."""
    function: Any = getattr(obj, method)
    module = str(getattr(function, "__module__", "")).partition(".")[0]
    code: Any = getattr(function, "__code__", None)
    return module not in ("sklearn", "imblearn", "xgboost", "lightgbm", "catboost") and (
        code is not None and code.co_argcount + code.co_kwonlyargcount > 2
    )


def _check_fitted(obj: Any) -> None:
    validation: Any = importlib.import_module("sklearn.utils.validation")
    exceptions: Any = importlib.import_module("sklearn.exceptions")
    try:
        validation.check_is_fitted(obj)
    except exceptions.NotFittedError:
        raise ModelLoadError(
            f"this {type(obj).__name__} is not fitted: call fit() before it is saved or served"
        ) from None
    except TypeError:
        pass  # not every class that inherits from an estimator is one; it may predict all the same


def _input(model: Any, method: str) -> Input:
    first = first_steps(model)
    for step in first:
        if hasattr(step, "build_analyzer"):
            return _texts(step)
        if type(step).__name__ in ("DictVectorizer", "FeatureHasher"):
            return Input(name="X", dtype="object", shape=[None])
    names: Any = getattr(model, "feature_names_in_", None)
    width = _width(model, names)
    pandas = find_spec("pandas") is not None
    takes_frame = pandas and any(map(is_own_kind, first))
    if width is None:
        return Input(name="X", dtype="", shape=[], as_frame=takes_frame, allows_missing=takes_frame)
    known = names is not None
    looks = looks_of(model, width, known)
    numeric = all(look is not None and look.type == "float" for look in looks)
    given = Input(
        name="X",
        dtype="float64" if numeric else "",
        shape=[None, width],
        columns=_columns([str(name) for name in names] if known else [""] * width, looks),
        as_frame=pandas and not (numeric and names_are_not_needed(model)) if known else takes_frame,
    )
    predict = getattr(model, method) if has_no_code_of_its_own(model) else None
    missing = missing_columns(predict, given, looks)
    columns = [
        structs.replace(column, missing=flag) for column, flag in zip(given.columns, missing, strict=True)
    ]
    alike = columns[:1] * width == columns and not known
    samples = _samples(looks, predict is not None)
    return structs.replace(
        given, columns=[] if alike else columns, allows_missing=all(missing), samples=samples
    )


def _samples(looks: Looks, are_known: bool) -> dict[int, Any]:
    """Values that the columns take, which are not known of one that is given to a function of a user's."""
    return {
        number: None if look.type == "any" and not are_known else plain(look.sample)
        for number, look in enumerate(looks)
        if look is not None
    }


def _columns(names: list[str], looks: Looks) -> list[Column]:
    return [
        Column(name=name, required=False, used=False) if look is None else Column(name=name, type=look.type)
        for name, look in zip(names, looks, strict=True)
    ]


def _texts(vectorizer: Any) -> Input:
    """The input of a vectorizer of texts; one that reads files would read those of the server."""
    if getattr(vectorizer, "input", "content") != "content":
        raise ModelLoadError(
            f"its {type(vectorizer).__name__} has input={vectorizer.input!r}: it would open any file that a "
            "client names; set input='content'"
        )
    return Input(name="X", dtype="str", shape=[None])


def _width(model: Any, names: Any) -> int | None:
    if names is not None:
        return len(names)
    width: Any = getattr(model, "n_features_in_", None)
    return int(width) if width is not None else None


def _metadata(model: Any) -> dict[str, Any]:
    version: str = importlib.import_module("sklearn").__version__
    found: dict[str, Any] = {
        "description": f"A {type(model).__name__} of scikit-learn",
        "model": type(model).__name__,
        "framework_version": version,
    }
    steps: Any = getattr(model, "steps", None)
    if isinstance(steps, list):
        pairs = cast("list[tuple[str, Any]]", steps)
        found["steps"] = [step if isinstance(step, str) else type(step).__name__ for _, step in pairs]
    classes: Any = getattr(model, "classes_", None)
    if classes is not None:
        several = isinstance(classes, list)
        found["classes"] = (
            [one.tolist() for one in cast("list[Any]", classes)] if several else _listed(classes)
        )
    width: Any = getattr(model, "n_features_in_", None)
    if width is not None:
        found["features"] = int(width)
    return found


def _listed(classes: Any) -> Any:
    return classes.tolist() if hasattr(classes, "tolist") else list(classes)
