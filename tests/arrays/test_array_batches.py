"""Any mix of requests, divided into batches in any way, gets the answers that each gets alone."""

from __future__ import annotations

from typing import Any

import array_models as models
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.array_model import ArrayModel
from modelport.contract.model_options import ModelOptions
from modelport.contract.places import Places
from modelport.sources.load import served_model

MODEL = served_model(models.named, "named")
ROW = st.lists(st.floats(0, 8, width=32), min_size=4, max_size=4)
REQUEST = st.fixed_dictionaries({"X": st.lists(ROW, max_size=5)}, optional={"predict_proba": st.booleans()})


class Sums:
    """A model whose answer is for all rows together."""

    framework = "none"
    metadata: dict[str, Any] = {}  # noqa: RUF012
    inputs = [Input(name="X", shape=[None, 1])]  # noqa: RUF012
    options: list[Any] = []  # noqa: RUF012
    batches = True

    def predict(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        return inputs["X"].sum(keepdims=True)


def outcome(call: Any) -> Any:
    try:
        answer = call() if callable(call) else call
    except Exception as error:
        answer = error
    return type(answer).__name__ if isinstance(answer, Exception) else answer.tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(REQUEST, min_size=1, max_size=4), max_size=4))
def test_batches_answer_as_each_alone(batches: list[list[dict[str, Any]]]) -> None:
    for requests in batches:
        calls = [MODEL.bind("predict", Places(json=request)) for request in requests]
        alone = [outcome(lambda c=call: MODEL.call("predict", c)) for call in calls]
        assert [outcome(result) for result in MODEL.call_batch(calls)] == alone


def test_a_model_that_does_not_answer_by_row_is_asked_one_by_one() -> None:
    model = ArrayModel(Sums(), "sums", ModelOptions())
    calls = [model.bind("predict", Places(json={"X": rows})) for rows in ([[1], [2]], [[3]])]
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(model.call_batch(calls)), [[3.0], [3.0]])
    assert model.alone
