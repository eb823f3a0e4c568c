"""Null is taken in the columns where the estimator takes it, and in no other; each column for itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Body, Places
from modelport.sources.load import served_model

PEOPLE = pd.DataFrame(
    {
        "age": [20.0, None, 40.0, 60.0] * 5,
        "kids": [0.0, 1.0, 2.0, 3.0] * 5,
        "city": ["Oslo", None, "Rome", "Rome"] * 5,
        "note": ["good film", "bad", "so so", "good"] * 5,
    }
)
NUMBERS = PEOPLE[["age", "kids"]]
Y = [0, 1, 0, 1] * 5


class Fill(TransformerMixin, BaseEstimator):
    """Somebody's own imputer, with the tags that everybody has."""

    def fit(self, X: Any, y: Any = None) -> Fill:
        return self

    def transform(self, X: Any) -> Any:
        return X.fillna(0)


def columns(kids: Any, **others: Any) -> Any:
    """A pipeline that takes a missing age, and does with `kids` what it is told."""
    chosen = [("age", SimpleImputer(), ["age"]), ("kids", kids, ["kids"])]
    return make_pipeline(ColumnTransformer(chosen), LogisticRegression())


def imputing() -> Any:
    return make_pipeline(SimpleImputer(), LogisticRegression())


IN_AGE_ALONE: dict[str, Any] = {
    "passthrough": columns("passthrough"),
    "a function": columns(FunctionTransformer(lambda rows: rows * 2)),
    "numpy's function": columns(FunctionTransformer(np.log1p)),
    "bins": columns(KBinsDiscretizer(2, quantile_method="averaged_inverted_cdf")),
    "search": GridSearchCV(columns("passthrough"), {"logisticregression__C": [1.0]}, cv=2),
    "calibrated": CalibratedClassifierCV(columns("passthrough"), cv=2),
    "vote": VotingClassifier([("one", columns("passthrough")), ("two", imputing())]),
    "stack": StackingClassifier([("one", columns("passthrough"))], cv=2),
    "own beside it": make_pipeline(
        ColumnTransformer([("age", Fill(), ["age"])], remainder="passthrough"), LogisticRegression()
    ),
}
IN_BOTH: dict[str, Any] = {
    "imputer first": imputing(),
    "search": GridSearchCV(imputing(), {"logisticregression__C": [1.0]}, cv=2),
    "calibrated": CalibratedClassifierCV(imputing(), cv=2),
    "several outputs": MultiOutputClassifier(imputing()),
    "bagging": BaggingClassifier(imputing(), n_estimators=2),
    "trees": HistGradientBoostingClassifier(max_iter=2),
    "scaled trees": make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=2)),
    "own first": make_pipeline(Fill(), LogisticRegression()),
    "union": make_pipeline(make_union(SimpleImputer(), SimpleImputer()), LogisticRegression()),
}


def fitted(model: Any, frame: pd.DataFrame = NUMBERS) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several = isinstance(model, MultiOutputClassifier)
        return served_model(model.fit(frame, np.c_[Y, Y] if several else Y), "model")


def answered(served: Any, places: Places) -> Any:
    return served.call("predict", served.bind("predict", places))


def of_csv(text: str) -> Places:
    places = Places()
    places.body = Body("text/csv", text.encode())
    return places


def refused(served: Any, rows: Any) -> list[Any]:
    with pytest.raises(ArgumentErrors) as error:
        answered(served, Places(json={"X": rows}))
    assert error.value.details is not None
    return [detail["loc"] for detail in error.value.details]


@pytest.mark.parametrize("name", IN_AGE_ALONE)
def test_null_is_taken_in_the_column_that_is_imputed(name: str) -> None:
    model = IN_AGE_ALONE[name]
    served = fitted(model)
    frame = pd.DataFrame({"age": [None, 3.0], "kids": [1.0, 1.0]}).astype(float)
    rows = [{"age": None, "kids": 1}, {"age": 3, "kids": 1}]
    np.testing.assert_array_equal(answered(served, Places(json={"X": rows})), model.predict(frame))
    np.testing.assert_array_equal(answered(served, of_csv("age,kids\n,1\n3,1\n")), model.predict(frame))
    assert refused(served, [{"age": 1, "kids": 1}, {"age": 1, "kids": None}]) == [["X", 1, "kids"]]


@pytest.mark.parametrize("name", IN_BOTH)
def test_null_is_taken_in_every_column(name: str) -> None:
    model = IN_BOTH[name]
    served = fitted(model)
    frame = pd.DataFrame({"age": [None, 3.0], "kids": [None, None]}).astype(float)
    rows = [{"age": None, "kids": None}, {"age": 3, "kids": None}]
    np.testing.assert_array_equal(answered(served, Places(json={"X": rows})), model.predict(frame))
    np.testing.assert_array_equal(answered(served, of_csv("age,kids\n,\n3,\n")), model.predict(frame))


def test_columns_of_an_array_are_told_by_their_number() -> None:
    chosen = ColumnTransformer([("age", SimpleImputer(), [0])], remainder="passthrough")
    model = make_pipeline(chosen, LogisticRegression())
    served = served_model(model.fit(NUMBERS.to_numpy(), Y), "model")
    assert answered(served, Places(json={"X": [[None, 1]]})).tolist() == model.predict([[np.nan, 1]]).tolist()
    assert refused(served, [[1, 1], [1, None]]) == [["X", 1, 1]]


def test_categories_and_texts_beside_numbers() -> None:
    chosen = [
        ("age", SimpleImputer(), ["age"]),
        ("city", OneHotEncoder(), ["city"]),
        ("note", TfidfVectorizer(), "note"),
    ]
    model = make_pipeline(ColumnTransformer(chosen), LogisticRegression())
    served = fitted(model, PEOPLE)
    good = {"age": None, "city": None, "note": "good"}
    assert answered(served, Places(json={"X": [good]})).shape == (1,)
    assert answered(served, of_csv("age,city,note\n,,\n1,Rome,bad\n")).shape == (2,)
    assert refused(served, [good, good | {"note": None}]) == [["X", 1, "note"]]
    item = served.signature.predict.arguments[0].schema["items"]["anyOf"][1]
    assert item["properties"]["age"]["type"] == ["number", "boolean", "null"]
    assert item["properties"]["city"]["type"] == ["string", "null"]
    assert item["properties"]["note"]["type"] == "string"
    assert item["required"] == ["age", "city", "note"]


def test_what_an_imputer_of_text_hands_to_an_encoder_is_text() -> None:
    encoded = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    model = make_pipeline(ColumnTransformer([("city", encoded, ["city"])]), LogisticRegression())
    served = fitted(model, PEOPLE)
    assert answered(served, Places(json={"X": [{"city": None}]})).shape == (1,)
    assert refused(served, [{"city": 5}]) == [["X", 0, "city"]]


def test_in_a_batch_only_the_row_that_lacks_something_is_refused() -> None:
    served = fitted(columns(FunctionTransformer(lambda rows: rows * 2)))
    rows = [[{"age": 1, "kids": 1}], [{"age": 1, "kids": None}], [{"age": None, "kids": 1}]]
    answers = served.call_batch([served.bind("predict", Places(json={"X": one})) for one in rows])
    assert [type(answer) for answer in answers] == [np.ndarray, ArgumentErrors, np.ndarray]
    words = "Input should not be null: LogisticRegression does not accept missing values"
    assert answers[1].messages == {"X": {"0": {"kids": [words]}}}
