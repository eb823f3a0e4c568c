"""Calls that a model takes together."""

from __future__ import annotations

from time import perf_counter, time_ns
from typing import Any, cast

from modelport.contract.calls import Answer, Call
from modelport.contract.current_call import run_for
from modelport.contract.signature import Operation
from modelport.worker.binding import Bound
from modelport.worker.cancellation import Terminated
from modelport.worker.host import Host
from modelport.worker.spans import tell_batch
from modelport.worker.world import end_if_forked


def answer_batch(host: Host, calls: list[Call]) -> None:
    """Answer predictions by one call of the model; one that makes it fail is found by trying each."""
    host.outgoing.answers(answers_of(host, calls))
    host.running.forget([call.id for call in calls])


def answers_of(host: Host, calls: list[Call]) -> list[Answer]:
    """The answers of one call of the model to predictions, in any order."""
    begun = perf_counter()
    answers: list[Answer] = []
    operation = host.model.signature.predict
    host.asks.calls = tuple(call.id for call in calls)
    run_for(calls[0] if len(calls) == 1 else None)
    start = time_ns()
    bound = host.binding.together(calls, answers, host.failed)
    if bound:
        answers.extend(_predict_together(host, bound, operation))
    micros = int((perf_counter() - begun) * 1e6)
    tell_batch(host.spans.hold, calls, start)
    for answer in answers:
        answer.micros = micros
    return answers


def _predict_together(host: Host, bound: list[Bound], operation: Operation) -> list[Answer]:
    try:
        results = batch_results(host, [arguments for _, arguments, _ in bound])
    except Terminated:
        raise
    except BaseException as error:  # the model's code; each call gets a second try of its own
        end_if_forked(host.process, error)
        if len(bound) == 1:
            return [host.failed(bound[0][0], error)]
        return [_predict_together(host, [one], operation)[0] for one in bound]
    answers: list[Answer] = []
    for (call, _, media_type), result in zip(bound, results, strict=True):
        try:
            if isinstance(result, BaseException):
                raise result
            answers.append(host.encoder.encode(call, result, media_type, operation))
        except Terminated:
            raise
        except BaseException as error:  # a result that is an exception, or that cannot be encoded
            answers.append(host.failed(call, error))
    return answers


def batch_results(host: Host, calls: list[dict[str, Any]]) -> list[Any]:
    """What the model's `predict_batch` returns for each of these arguments. Raises what it raises."""
    results = list(cast("list[Any]", host.returned(host.model.call_batch(calls))))
    if len(results) != len(calls):
        raise ValueError(f"predict_batch() returned {len(results)} results for {len(calls)} calls")
    return results
