"""Jobs in traces: what a job does, whenever that is, is part of the trace of the request that made it."""

from __future__ import annotations

from time import time_ns
from urllib.parse import urlsplit

import msgspec

from modelport.contract.calls import Call, unpacked
from modelport.contract.traces import CLIENT, NOWHERE, Place, Span, TakeSpan, below
from modelport.jobs.records import Claim, Delivery, Job, Outcome
from modelport.jobs.states import State


def call_of(claim: Claim) -> Call:
    """The call that a job consists of, at its place in the trace of this attempt."""
    return msgspec.structs.replace(unpacked(claim.job.call), trace=claim.trace)


class AttemptSpan:
    """One attempt of a job. Made when it begins, it is told when it is `over`, if its request is traced."""

    def __init__(self, take: TakeSpan | None, claim: Claim):
        self._take = take
        self._claim = claim
        self._start = time_ns()
        claim.trace = below(_stored_place(claim.job)) if take is not None else NOWHERE

    def over(self, outcome: Outcome) -> None:
        """The attempt has ended so."""
        claim = self._claim
        if self._take is None or not claim.trace:
            return
        job = claim.job
        said = {
            "modelport.model": job.model,
            "modelport.job.id": job.id,
            "modelport.job.kind": str(job.kind),
            "modelport.job.attempt": claim.attempt,
            "modelport.job.state": str(outcome.state),
        }
        error = outcome.ended_by if outcome.state in (State.FAILED, State.INTERRUPTED) else ""
        self._take(Span(claim.trace, f"job {job.kind}", self._start, time_ns(), attributes=said, error=error))


class WebhookSpan:
    """One attempt to deliver a webhook. `place` is empty if the request of its job is not traced."""

    def __init__(self, take: TakeSpan | None, job: Job, delivery: Delivery):
        self.place = below(_stored_place(job)) if take is not None else NOWHERE
        self._take = take
        self._delivery = delivery
        self._start = time_ns()

    def over(self, status: int, error: str = "") -> None:
        """The target has answered with this status, or not at all: 0."""
        if self._take is None or not self.place:
            return
        said: dict[str, str | int] = {
            "http.request.method": "POST",
            "modelport.job.id": self._delivery.job_id,
            "modelport.webhook.id": self._delivery.id,
            "http.request.resend_count": self._delivery.attempts - 1,
        }
        target = urlsplit(self._delivery.url)  # which was checked when the job was made
        said |= {"server.address": target.hostname or "", "url.scheme": target.scheme}
        if status:
            said["http.response.status_code"] = status
        error = error or (str(status) if status >= 400 else "")
        self._take(Span(self.place, "webhook", self._start, time_ns(), CLIENT, said, error))


def _stored_place(job: Job) -> Place:
    """Where the request of a job stands in a trace; nowhere if its call cannot be read, which others tell."""
    try:
        return unpacked(job.call).trace
    except msgspec.DecodeError:
        return NOWHERE
