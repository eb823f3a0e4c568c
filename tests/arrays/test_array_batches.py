"""Any mix of requests, divided into batches in any way, gets the answers that each gets alone."""

from __future__ import annotations

from typing import Any

import array_models as models
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.array_model import ArrayModel
from modelport.contract.errors import ArgumentErrors
from modelport.contract.model_options import ModelOptions
from modelport.contract.places import Places
from modelport.sources.load import served_model

MODEL = served_model(models.named, "named")
ROW = st.lists(st.floats(0, 8, width=32), min_size=4, max_size=4)
REQUEST = st.fixed_dictionaries({"X": st.lists(ROW, max_size=5)}, optional={"predict_proba": st.booleans()})
CELL = st.one_of(st.floats(0, 8, width=32), st.integers(-3, 3), st.none(), st.just("1"), st.just(1e300))
ANY_ROW = st.one_of(ROW, ROW, ROW, st.lists(CELL, min_size=3, max_size=5))
ROW_REQUEST = st.fixed_dictionaries({"X": st.lists(ANY_ROW, max_size=4)})
ROWS_MODELS = {
    "named": MODEL,
    "plain": served_model(models.iris, "plain"),
    "float32": served_model(models.iris, "float32", ModelOptions(dtype="float32")),
    "frame": served_model(models.named, "frame", ModelOptions(rows_as="pandas")),
}


class Sums:
    """A model whose answer is for all rows together."""

    framework = "none"
    metadata: dict[str, Any] = {}  # noqa: RUF012
    inputs = [Input(name="X", shape=[None, 1])]  # noqa: RUF012
    options: list[Any] = []  # noqa: RUF012
    batches = True

    def predict(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        return inputs["X"].sum(keepdims=True)


class Writes(Sums):
    """A model that doubles its rows in their place before it looks whether it likes them."""

    def predict(self, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
        inputs["X"] *= 2
        if inputs["X"].min() < 0:
            raise ValueError("a row is negative")
        return inputs["X"]


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


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW_REQUEST, min_size=1, max_size=6), st.sampled_from(["named", "plain", "float32", "frame"]))
def test_what_is_bound_together_is_answered_as_each_alone(requests: list[Any], name: str) -> None:
    model = ROWS_MODELS[name]
    places = [Places(json=request) for request in requests]
    together = model.bind_together(places)
    try:
        each = [model.bind("predict", one) for one in places]
    except ArgumentErrors:
        assert together is None
        return
    if together is not None:
        alone = [outcome(lambda c=call: model.call("predict", c)) for call in each]
        assert [outcome(result) for result in model.call_batch(together)] == alone
        assert [outcome(result) for result in model.call_batch(together[1:])] == alone[1:]


def test_only_rows_that_need_no_second_look_are_bound_together() -> None:
    rows = Places(json={"X": [[1.0, 2.0, 3.0, 4.0]]})
    others = [
        Places(json={"X": [[1.0, 2.0, 3.0, 4.0]], "predict_proba": True}),
        Places(json={"X": [[1.0, 2.0, 3.0]]}),
        Places(json={"X": []}),
        Places(query={"predict_proba": ["true"]}, json={"X": [[1.0, 2.0, 3.0, 4.0]]}),
    ]
    assert MODEL.bind_together([rows, rows]) is not None
    assert [MODEL.bind_together([rows, other]) for other in others] == [None] * 4


def test_a_model_that_fails_after_it_wrote_into_its_rows_gets_them_anew() -> None:
    model = ArrayModel(Writes(), "writes", ModelOptions())
    together = model.bind_together([Places(json={"X": [[value]]}) for value in (1, 2, -1)])
    assert together is not None
    assert [outcome(result) for result in model.call_batch(together)] == [[[2.0]], [[4.0]], "ValueError"]


def test_a_model_that_does_not_answer_by_row_is_asked_one_by_one() -> None:
    model = ArrayModel(Sums(), "sums", ModelOptions())
    calls = [model.bind("predict", Places(json={"X": rows})) for rows in ([[1], [2]], [[3]])]
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(model.call_batch(calls)), [[3.0], [3.0]])
    assert model.alone
