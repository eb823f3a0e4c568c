"""Fit a logistic regression to the iris flowers and save it: `python save_iris.py FILE.pickle`."""

import pickle
import sys
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

flowers, species = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=1000).fit(flowers, species)
Path(sys.argv[1]).write_bytes(pickle.dumps(model))
