"""Names of columns are kept from models that do not need them; categories that are unknown are told."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.sources.load import served_model

NAMES = ["a", "b", "c", "d"]
DATA = load_iris()
FRAME = pd.DataFrame(DATA.data, columns=NAMES)
FAST: list[Any] = [
    LogisticRegression(max_iter=1000),
    make_pipeline(StandardScaler(), SVC()),
    RandomForestClassifier(5, random_state=0),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=3, random_state=0),
    KNeighborsClassifier(),
    GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1.0]}, cv=2),
]


class Own(GaussianNB):
    """Somebody's own estimator, which may read the names."""


BY_NAME: list[Any] = [
    make_pipeline(ColumnTransformer([("x", "passthrough", ["b"])]), GaussianNB()),
    make_pipeline(FunctionTransformer(lambda rows: rows[["a"]]), GaussianNB()),
    BaggingClassifier(Own(), n_estimators=2, random_state=0),
    Own(),
]


def bound(served: Any, rows: Any) -> dict[str, Any]:
    return served.bind("predict", Places(json={"X": rows}))


@pytest.mark.parametrize("estimator", FAST, ids=lambda one: type(one).__name__)
def test_an_array_answers_as_the_frame_and_warns_of_nothing(estimator: Any) -> None:
    model = estimator.fit(FRAME, DATA.target)
    served = served_model(model, "model")
    arguments = bound(served, DATA.data.tolist())
    assert isinstance(arguments["X"], np.ndarray)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(served.call("predict", arguments), model.predict(FRAME))
        if hasattr(model, "predict_proba"):
            answer = served.call("predict", arguments | {"predict_proba": True})
            np.testing.assert_array_equal(answer, model.predict_proba(FRAME))


@pytest.mark.parametrize("estimator", BY_NAME, ids=lambda one: type(one).__name__)
def test_what_may_read_the_names_gets_a_frame(estimator: Any) -> None:
    model = estimator.fit(FRAME, DATA.target)
    served = served_model(model, "model")
    arguments = bound(served, DATA.data.tolist())
    assert isinstance(arguments["X"], pd.DataFrame)
    np.testing.assert_array_equal(served.call("predict", arguments), model.predict(FRAME))


CITIES = pd.DataFrame({"age": [20.0, 30.0], "city": ["Oslo", "Rome"]})


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=["one-hot", "ordinal"])
@pytest.mark.parametrize("rest", ["passthrough", "drop"])
def test_an_unknown_category_names_its_row_and_column(encoder: Any, rest: Any) -> None:
    columns = ColumnTransformer([("city", encoder, ["city"])], remainder=rest)
    served = served_model(make_pipeline(columns, LogisticRegression()).fit(CITIES, [0, 1]), "model")
    good, bad = [20.0, "Oslo"], [20.0, "Bonn"]
    with pytest.raises(ArgumentErrors) as refused:
        served.call("predict", bound(served, [good, bad]))
    words = "Input should be one of 'Oslo', 'Rome'"
    assert refused.value.details == [{"loc": ["X", 1, "city"], "msg": words, "type": "enum"}]
    answers = served.call_batch([bound(served, [good]), bound(served, [bad])])
    assert answers[0].tolist() == [0]
    assert isinstance(answers[1], ArgumentErrors)


def test_an_unknown_category_without_names() -> None:
    rows = np.array([[str(number).zfill(2)] for number in range(20)], dtype=object)
    served = served_model(make_pipeline(OneHotEncoder(), GaussianNB()).steps[0][1].fit(rows), "model")
    with pytest.raises(ArgumentErrors) as refused:
        served.call("predict", bound(served, [["x"]]))
    (detail,) = refused.value.details
    assert detail["loc"] == ["X", 0, 0]
    assert detail["msg"].endswith("'11', …")


class Odd:
    """Nothing that JSON has."""


class Undescribed:
    """Has a default and hints that no schema can show."""

    def predict(self, X, scale=Odd(), odd: Odd | None = None, number: int = 2):  # noqa: B008
        return [[number, type(scale).__name__, odd] for _ in X]


class Unreadable:
    """Has a hint that names nothing."""

    def predict(self, X, mode: Nothing = 1):  # noqa: F821
        return [mode for _ in X]


def test_what_no_schema_can_show_is_served_with_a_note() -> None:
    served = served_model(Undescribed(), "model")
    scale, odd = served.signature.predict.arguments[1:3]
    assert "default" not in scale.schema
    assert "type" not in odd.schema
    assert [problem for problem in served.signature.problems if "'odd'" in problem]
    arguments = served.bind("predict", Places(json={"X": [1], "odd": [5]}))
    assert served.call("predict", arguments) == [[2, "Odd", [5]]]
    unreadable = served_model(Unreadable(), "model")
    assert "cannot be read" in unreadable.signature.problems[0]
    assert unreadable.call("predict", bound(unreadable, [1])) == [1]
