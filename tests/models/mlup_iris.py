"""Iris flowers by logistic regression, as scikit-learn makes it."""

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

_measures, _kinds = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=1000)
model.fit(_measures, _kinds)
