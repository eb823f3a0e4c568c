"""Predictions of the model that answers at the root.

What one answers depends on the dialect there; the documents of that say it.
"""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Endpoint
from modelport.api.endpoints.statuses import FOUND

TAG = "root"  # in the documents it is the dialect's own

PREDICT_ROOT = Endpoint(
    "POST", "/predict", lambda on: on.root.predict, AccessScope.PREDICT,
    TAG, "predict", "Make a prediction of the default model", calls="predict",
)  # fmt: skip

ROOT = (
    PREDICT_ROOT,
    Endpoint(
        "GET", "/get-predict/{predict_id}", lambda on: on.root.long.get, AccessScope.PREDICT,
        TAG, "get_predict", "The result of a prediction", errors=FOUND,
        parameters=(of.PREDICTION,), is_lenient=True, owned=True,
    ),
)  # fmt: skip
