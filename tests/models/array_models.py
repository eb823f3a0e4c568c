"""Fitted models of the array contract."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
_iris = load_iris()
ROWS: list[list[float]] = _iris.data.tolist()

iris = LogisticRegression(max_iter=1000).fit(_iris.data, _iris.target)
named = DecisionTreeClassifier(max_depth=3, random_state=0).fit(
    pd.DataFrame(_iris.data, columns=NAMES), _iris.target_names[_iris.target]
)
_people = pd.DataFrame({"age": [20.0, 30.0, None, 50.0], "city": ["Paris", "Rome", "Rome", "Paris"]})
mixed = make_pipeline(
    ColumnTransformer(
        [("number", SimpleImputer(), ["age"]), ("text", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    ),
    LinearRegression(),
).fit(_people, [1.0, 2.0, 3.0, 4.0])
_visits = pd.DataFrame(
    {
        "age": [20.0, 30.0, None, 50.0],
        "member": [True, False, True, True],
        "when": pd.to_datetime(["2024-01-05", "2024-02-05", "2024-03-05", "2024-04-05"]),
        "note": ["a", "b", "c", "d"],
    }
)


def _month(frame: Any) -> Any:
    return pd.DataFrame({"month": frame["when"].dt.month})


visits = make_pipeline(
    ColumnTransformer(
        [
            ("age", SimpleImputer(), ["age"]),
            ("member", "passthrough", ["member"]),
            ("when", FunctionTransformer(_month), ["when"]),
        ]
    ),
    LinearRegression(),
).fit(_visits, [1.0, 2.0, 3.0, 4.0])


class Pick(TransformerMixin, BaseEstimator):
    """A step of somebody's own, which sets nothing that scikit-learn knows."""

    def fit(self, X: Any, y: Any = None) -> Pick:
        return self

    def transform(self, X: Any) -> Any:
        return X[["b", "a"]] * 3


picks = make_pipeline(Pick(), LogisticRegression()).fit(
    pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]}), ["no", "yes"]
)
_codes = pd.DataFrame(
    {"when": pd.date_range("2024-01-01", periods=4), "kind": [1, 2, 1, 2], "flag": [True, False, True, False]}
)
coded = make_pipeline(OrdinalEncoder(), DecisionTreeClassifier(random_state=0)).fit(_codes, [0, 0, 1, 1])
_colours = pd.DataFrame(
    {"size": range(40), "colour": pd.Categorical(["red", "blue"] * 20), "code": pd.Categorical([1, 2] * 20)}
)
boosted = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(
    _colours, ["no", "yes"] * 20
)
texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good film", "bad film"], ["yes", "no"])
scaler = StandardScaler().fit(_iris.data)
several = DecisionTreeClassifier(random_state=0).fit([[0, 0], [1, 1]], [[0, 1], [1, 0]])
