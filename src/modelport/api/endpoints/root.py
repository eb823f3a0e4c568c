"""The model that answers at the root, as mlup and the Made-With-ML lesson have it.

What a prediction answers there depends on the dialect; `documents.root` says it.
"""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Endpoint, data
from modelport.api.endpoints.statuses import FOUND
from modelport.api.resources.mlup import Info

TAG = "mlup"

PREDICT_ROOT = Endpoint(
    "POST", "/predict", lambda on: on.mlup.predict, AccessScope.PREDICT,
    TAG, "predict", "Make a prediction of the default model", calls="predict",
)  # fmt: skip

ROOT = (
    Endpoint(
        "GET", "/info", lambda on: on.mlup.info.info, AccessScope.READ,
        TAG, "info", "Information about the default model",
        {200: data("The model and the application", Info)}, is_lenient=True,
    ),
    PREDICT_ROOT,
    Endpoint(
        "GET", "/get-predict/{predict_id}", lambda on: on.mlup.long.get, AccessScope.PREDICT,
        TAG, "get_predict", "The result of a prediction", errors=FOUND,
        parameters=(of.PREDICTION,), is_lenient=True,
    ),
)  # fmt: skip
