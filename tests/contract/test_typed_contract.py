"""What a typed model may have in its signature, and what is refused when its contract is read."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

import modelport
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.load import served_model


class Total(modelport.Model):
    def predict(self, *values: float) -> float:
        return sum(values)


class Options(modelport.Model):
    def predict(self, a: int = 1, **options: Any) -> int:
        return a


class TrainsWithOptions(modelport.Model):
    def predict(self, a: int = 1) -> int:
        return a

    def train(self, **options: Any) -> int:
        return 1


class SomebodyElses:
    """No model of ours: it is served as it is."""

    def predict(self, a: int = 1, **options: Any) -> int:
        return a


class Pictures(modelport.Model):
    def predict(self, several: list[modelport.Image]) -> int:
        return len(several)


class Batches(modelport.Model):
    def predict(self, a: int = 1) -> int:
        return a

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        return calls


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            Total,
            "predict(): clients cannot send *values, of which nobody knows the number: write a parameter for",
        ),
        (
            Options,
            "predict(): clients cannot send **options, of which nobody knows the names: write a parameter",
        ),
        (TrainsWithOptions, "train(): clients cannot send **options"),
    ],
)
def test_parameters_that_cannot_be_described_are_refused(model: Any, said: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        served_model(model(), "model")
    assert str(caught.value).startswith(said)


def test_somebody_elses_model_is_served_without_them_and_says_so() -> None:
    served = served_model(SomebodyElses(), "model")
    assert [argument.name for argument in served.signature.predict.arguments] == ["a"]
    [problem] = served.signature.problems
    assert problem.startswith("predict(): clients cannot send **options")


def test_a_picture_needs_pillow_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)  # as if it were not installed
    with pytest.raises(ModelLoadError) as caught:
        served_model(Pictures(), "model")
    assert str(caught.value) == (
        "predict(): 'several' is a picture, which needs Pillow: pip install 'modelport[image]'"
    )


def test_a_half_of_a_batch_is_noted() -> None:
    [problem] = served_model(Batches(), "model").signature.problems
    assert problem.startswith("predict_batch() is not used without a max_batch_size over 1")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"max_batch_size": 8}, "max_batch_size means nothing without a predict_batch()"),
        ({"predict_batch": list}, "predict_batch() is not used without a max_batch_size over 1"),
        ({"max_batch_size": 8, "predict_batch": list}, None),
        (
            {"max_batch_size": 8, "predict_batch": list, "max_concurrency": 8},
            "max_concurrency means nothing beside max_batch_size",
        ),
    ],
)
def test_so_it_is_of_a_model_of_the_deepaas_contract(own: dict[str, Any], said: str | None) -> None:
    functions = {"get_predict_args": dict, "predict": dict, "get_metadata": dict}
    signature = served_model(SimpleNamespace(**functions, **own), "model").signature
    assert signature.contract == "deepaas"
    assert signature.predict.max_concurrency == 1
    assert [problem.partition(":")[0] for problem in signature.problems] == ([said] if said else [])


@pytest.mark.parametrize("wanted", [0, -1, "many", 1.5])
def test_so_many_calls_side_by_side_cannot_be(wanted: Any) -> None:
    class Waits(modelport.Model):
        max_concurrency = wanted

        async def predict(self) -> int:
            return 1

    with pytest.raises(ModelLoadError, match="it must be a whole number of calls, 1 or more"):
        served_model(Waits(), "model")


def test_a_plain_function_runs_in_as_many_threads_as_it_says_and_not_in_any_number() -> None:
    functions = {"get_predict_args": dict, "predict": dict, "get_metadata": dict}

    def of(options: ModelOptions | None = None, **own: Any) -> int:
        return served_model(
            SimpleNamespace(**functions, **own), "m", options
        ).signature.predict.max_concurrency

    assert (of(), of(max_concurrency=None), of(max_concurrency=8)) == (1, 1, 8)
    assert of(ModelOptions(max_concurrency=3), max_concurrency=8) == 3
    with pytest.raises(ModelLoadError, match="runs in 500 threads at most"):
        of(max_concurrency=501)


def test_a_model_has_nothing_that_it_does_not_define() -> None:
    declared = ("predict", "predict_batch", "setup", "warm", "train", "validate", "load_model")
    assert [name for name in declared if hasattr(modelport.Model, name)] == []
    signature = served_model(Batches(), "model").signature
    assert (signature.predict.implemented, signature.train.implemented) == (True, False)
