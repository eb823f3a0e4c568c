"""What a version must show before it becomes live: it answers as well as the one that is, and as fast."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple, cast

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.signature import Operation, Signature
from modelport.engine.asking import ask
from modelport.engine.ports import Pool

CHECK_SECONDS = 60.0  # for all of the checks
ENOUGH_SECONDS = 15.0  # after which no more calls are tried: slow models are checked with fewer
SLOWER_SECONDS = 0.02  # by less than this no version is too slow, whatever the ratio
LEAST_TIMED = 10  # answers of each version, so that their median says something
MAX_WORDS = 200


class Limits(NamedTuple):
    """What counts as a regression: less agreement than this, or more than so many times the seconds."""

    min_agreement: float = 0.0
    max_latency_ratio: float = 3.0


class _Tried(NamedTuple):
    answer: Answer
    seconds: float
    digest: bytes = b""  # of a body that is a file, which is gone when answers are compared


def check_set(signature: Signature, recent: Sequence[Call]) -> list[Call]:
    """Calls to try a version with: recent ones, or else the model's own example."""
    if recent:
        return list(recent)
    body = example_of(signature)
    return [] if body is None else [Call(0, content_type="application/json", body=body, collect=True)]


def example_of(signature: Signature) -> bytes | None:
    """A request body made of the examples in the model's schemas; `None` if it does not give them all."""
    predict: Operation = signature.predict
    body: dict[str, Any] = {}
    for argument in predict.arguments:
        found = _example(argument.schema, signature.definitions)
        if found is not None and not argument.is_upload:
            body[argument.name] = found[0]
        elif argument.required:
            return None
    return msgspec.json.encode(body) if body else None


def _example(schema: dict[str, Any], definitions: dict[str, Any]) -> tuple[Any] | None:
    examples: Any = schema.get("examples")
    if isinstance(examples, list) and examples:
        return (cast("list[Any]", examples)[0],)
    if "example" in schema:
        return (schema["example"],)
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name and name in definitions:
        return _example(definitions[name], {})
    items: Any = schema.get("items")
    if isinstance(items, dict):
        inner = _example(cast("dict[str, Any]", items), definitions)
        return None if inner is None else ([inner[0]],)
    return None


async def compare(
    before: Pool, after: Pool, calls: Sequence[Call], next_id: Callable[[], int]
) -> dict[str, Any]:
    """Have both versions answer the calls, one by one, and say how they compare.

    What was just loaded is slow at first: the first answers of each are not timed, and few calls are made
    several times.
    """
    old: list[_Tried] = []
    new: list[_Tried] = []
    rounds = 1 if not calls else 1 + -(-LEAST_TIMED // len(calls))
    hung = False
    began = perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            for call in list(calls) * rounds:
                if new and perf_counter() - began > ENOUGH_SECONDS:
                    break
                old.append(await _try(before, call, next_id))
                new.append(await _try(after, call, next_id))
    except TimeoutError:
        hung = len(old) > len(new)
        old = old[: len(new)]
    return report_of(old, new, len(calls), hung=hung)


async def _try(pool: Pool, call: Call, next_id: Callable[[], int]) -> _Tried:
    copied = msgspec.structs.replace(call, id=next_id(), alone=True, collect=True)
    began = perf_counter()
    _, answer = await ask(pool, copied, aside=True)  # nothing of it is to be kept
    seconds = perf_counter() - began
    try:
        digest = await asyncio.to_thread(_digest, answer.path) if answer.path else b""
    finally:
        if answer.path or pool.may_leave_files():
            pool.discard(answer.id)
    return _Tried(answer, seconds, digest)


def _digest(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def report_of(
    old: Sequence[_Tried], new: Sequence[_Tried], wanted: int, *, hung: bool = False
) -> dict[str, Any]:
    """How two versions compare: errors and agreement in the first round of calls, which has `wanted` of them,
    and the median of the seconds that answers took in the other rounds.

    `hung` says that the new version had not answered when the time was over.
    """
    pairs = list(zip(old[:wanted], new[:wanted], strict=True))
    both = [(a, b) for a, b in pairs if _is_good(a.answer) and _is_good(b.answer)]
    agreed = sum((a.answer.body, a.digest) == (b.answer.body, b.digest) for a, b in both)
    failed = [b.answer for a, b in pairs if _is_good(a.answer) and not _is_good(b.answer)]
    checked = min(len(pairs) + hung, wanted)
    timed_old, timed_new = old[wanted:], new[wanted:]
    report: dict[str, Any] = {
        "checked": checked,
        "not_checked": wanted - checked,
        "errors_before": sum(not _is_good(a.answer) for a, _ in pairs),
        "errors_after": sum(not _is_good(b.answer) for _, b in pairs),
        "new_errors": len(failed),
        "agreement": agreed / len(both) if both else None,
        "seconds_before": median(tried.seconds for tried in timed_old) if timed_old else None,
        "seconds_after": median(tried.seconds for tried in timed_new) if timed_new else None,
    }
    if hung:
        report["new_errors"] += 1
        report["first_error"] = f"no answer within {CHECK_SECONDS:g} s"
    if failed:
        report["first_error"] = f"{failed[0].status} {failed[0].detail}"[:MAX_WORDS].strip()
    return report


def _is_good(answer: Answer) -> bool:
    return answer.status < 400


def regressions(report: dict[str, Any], limits: Limits) -> list[str]:
    """What is worse than it may be, in words; nothing if the version may become live."""
    found: list[str] = []
    if report["new_errors"]:
        found.append(
            f"{report['new_errors']} of {report['checked']} requests that the live version answers fail "
            f"({report['first_error']})"
        )
    agreement = report["agreement"]
    if agreement is not None and agreement < limits.min_agreement:
        found.append(f"it agrees with the live version in {agreement:.0%}, not {limits.min_agreement:.0%}")
    before, after = report["seconds_before"], report["seconds_after"]
    if before and after > before * limits.max_latency_ratio and after - before > SLOWER_SECONDS:
        found.append(f"it takes {after / before:.1f} times as long, more than {limits.max_latency_ratio:g}")
    return found


def warnings(report: dict[str, Any] | None, signature: Signature | None, limits: Limits) -> list[str]:
    """What nobody has looked at before the version becomes live, and how to have it looked at."""
    if report is None or signature is None:
        return ["nothing was compared: the live version was not ready"]
    if report["checked"] + report["not_checked"] == 0:
        if any(argument.is_upload for argument in signature.predict.arguments):
            why = "requests with files are not kept, and an example of a file cannot be made"
        else:
            why = "there are no recent requests, and the arguments of the model have no examples"
        said = f"nothing was compared: {why}; give it a small share of the calls first"
    elif report["checked"] == 0:
        said = "nothing was compared: no request was answered in time"
    elif report["agreement"] is None and limits.min_agreement:
        said = "no answers were compared: both versions have failed at all requests"
    else:
        return []
    unmet = f", and min_agreement, {limits.min_agreement:.0%}, was not looked at"
    return [said + (unmet if limits.min_agreement else "")]
