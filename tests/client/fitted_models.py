"""Fitted models that take the tables that people have in hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

PEOPLE = pd.DataFrame({"age": [20.0, 30, 40, 60] * 5, "city": ["Rom", "Wien", "Köln", "Rom"] * 5})
churn = make_pipeline(
    ColumnTransformer([("age", SimpleImputer(), ["age"]), ("city", OneHotEncoder(), ["city"])]),
    LogisticRegression(),
).fit(PEOPLE, [0, 1, 0, 1] * 5)
unnamed = LinearRegression().fit(np.eye(3), [1, 2, 3])
