"""Telling the world that a job has ended: signed messages, sent again until they are accepted.

A message is owed from the moment that the job's end is committed: the store keeps a row for it (see
`deliveries`), and whatever happens to this process, somebody sends it at least once, with the same id each
time. The messages of one job come in the order of its changes. Form and signature are those of Standard
Webhooks (https://www.standardwebhooks.com); receivers check them with `modelport.webhooks.verify`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from modelport.contract.traces import TakeSpan, context_fields
from modelport.jobs.deliveries import WEBHOOKS
from modelport.jobs.records import Delivery, Job
from modelport.jobs.spans import WebhookSpan
from modelport.jobs.views import job_view, utc
from modelport.jobs.webhook_targets import Targets, target_of
from modelport.security.addresses import is_public_address, is_public_or_private_address
from modelport.security.ports import USUAL_PORTS, port_numbers
from modelport.security.post_limits import PostLimits
from modelport.security.urls import UrlError, check_url
from modelport.storage import failpoints
from modelport.storage.errors import StoreError
from modelport.webhooks import keys_of, sign

log = logging.getLogger("modelport.jobs")

MINUTE, HOUR = 60.0, 3600.0
# After the first attempt, the second... as Standard Webhooks proposes: three days in all, then we give up.
SCHEDULE = (
    5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
JITTER = 0.1  # of the wait: those that failed together need not come back together
LEASE_SECONDS = 45.0  # well above what one attempt may take
POLL_SECONDS = 1.0
GAP_SECONDS = 0.25  # between two looks that find nothing: other commits may come by the hundred
GONE = 410


class DeliveryStore(Protocol):
    """What the sender needs of the store of jobs."""

    async def due_deliveries(
        self, limit: int, owner: str, lease_seconds: float, not_to: Collection[str] = ()
    ) -> Sequence[Delivery]: ...
    async def delivered(self, delivery_id: str) -> None: ...
    async def delivery_failed(self, delivery_id: str, error: str, next_at: float | None) -> None: ...
    async def get(self, job_id: str) -> Job | None: ...
    def subscribe(self, job_id: str | None = None) -> AbstractAsyncContextManager[asyncio.Event]: ...


def post_limits(allow_private: bool, ports: Sequence[str] = USUAL_PORTS) -> PostLimits:
    """Where webhooks may go: public addresses, with `allow_private` ours as well, on these ports only."""
    allowed = is_public_or_private_address if allow_private else is_public_address
    return PostLimits(allowed_ports=port_numbers(ports), allow_addresses=allowed)


def check_callback_url(url: str, allow_private: bool = False, ports: Sequence[str] = USUAL_PORTS) -> None:
    """Raise `ValueError`, with a sentence for the client, unless webhooks may be sent to this URL.

    Names are not looked up here: where they lead is judged at each delivery, as it may change.
    """
    limits = post_limits(allow_private, ports)
    try:
        checked = check_url(url, limits.allowed_ports)
    except UrlError as error:
        places = f"on port {', '.join(ports)} ({error.why}; the server's callback_ports names the ports)"
        raise ValueError(f"callback_url must be a plain http or https URL {places}") from None
    if checked.host == "localhost" or checked.host.endswith(".localhost"):
        internal = not allow_private
    else:
        internal = checked.address is not None and not limits.allow_addresses(checked.address)
    if internal:
        raise ValueError(f"callback_url must lead to a public address; {checked.host} is none")


def message(delivery: Delivery, job: Job, base_path: str) -> bytes:
    """The body of a message: what happened, when, and the job as `/v2/jobs` shows it.

    An interrupted job may have been queued again since: state and revision are those of the event.
    """
    data = job_view(job, base_path)
    data.state, data.revision = str(delivery.state), delivery.revision
    event = {"type": f"job.{delivery.state}", "timestamp": utc(delivery.created_at), "data": data}
    return msgspec.json.encode(event)


def next_attempt(delivery: Delivery) -> float | None:
    """When to try again if this attempt failed, by the store's clock; `None` when it is time to give up."""
    if delivery.attempts > len(SCHEDULE):
        return None
    return delivery.taken_at + SCHEDULE[delivery.attempts - 1] * (1 + JITTER * random.random())


class _Failed(Exception):
    """An attempt that failed, in words without addresses; `final` when no other one is to follow."""

    def __init__(self, why: str, *, final: bool = False):
        super().__init__(why)
        self.final = final


class WebhookSender:
    """Sends what is owed, a few at a time. `run` it as a task; nothing ever waits for it.

    `secret` is `whsec_<base64>`, or several of them, separated by spaces, while one replaces another.
    `owner` names this server to the store; whoever is its `spans` hears of deliveries that
    belong to a trace. Raises `ValueError` for a secret that is none.
    """

    def __init__(
        self,
        store: DeliveryStore,
        secret: str,
        owner: str,
        *,
        base_path: str = "",
        limits: PostLimits | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self.store = store
        self.owner = owner
        self.base_path = base_path
        self.limits = limits or post_limits(allow_private=False)
        self.clock = clock
        self.spans: TakeSpan | None = None
        self.targets = Targets()
        self._keys = keys_of(secret)
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._changed.set()

    async def run(self) -> None:
        """Send until cancelled. What is then on its way is sent again by whoever finds its lease over."""
        async with self.store.subscribe(WEBHOOKS) as self._changed, asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                if not await self._begin_due(tasks):
                    await asyncio.sleep(GAP_SECONDS)
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    async def _begin_due(self, tasks: asyncio.TaskGroup) -> bool:
        """Begin as many deliveries as may be under way; false if there was room and nothing due."""
        begun = False
        while room := self.targets.room():
            try:
                due = await self.store.due_deliveries(room, self.owner, LEASE_SECONDS, self.targets.full())
            except StoreError as error:
                log.warning("webhooks: what is due cannot be read: %s", error)
                return False
            for delivery in due:
                target = target_of(delivery.url)
                self.targets.begin(target)
                tasks.create_task(self._deliver(delivery, target))
            begun = begun or bool(due)
            if len(due) < room:
                return begun
        return True

    async def _deliver(self, delivery: Delivery, target: str) -> None:
        """One attempt, and its end in the store."""
        try:
            try:
                await self._attempt(delivery, target)
            except _Failed as failure:
                await self._failed(delivery, failure)
            else:
                await self.store.delivered(delivery.id)
        except StoreError as error:
            # The lease will be over some time, and it is sent once more: at least once is the promise.
            log.warning("webhook %s: its end cannot be stored: %s", delivery.id, error)
        finally:
            self.targets.end(target)
            self.wake()

    async def _failed(self, delivery: Delivery, failure: _Failed) -> None:
        next_at = None if failure.final else next_attempt(delivery)
        level, then = (logging.INFO, "tried again") if next_at else (logging.WARNING, "given up")
        log.log(level, "webhook %s of job %s: %s; %s", delivery.id, delivery.job_id, failure, then)
        await self.store.delivery_failed(delivery.id, str(failure), next_at)

    async def _attempt(self, delivery: Delivery, target: str) -> None:
        """Send a message. Raises `_Failed` unless it was accepted, and the store's errors."""
        now = asyncio.get_running_loop().time
        if self.targets.is_silent(target, now()):
            raise _Failed("not tried: the target has just given no answer to others")
        job = await self.store.get(delivery.job_id)
        if job is None:
            raise _Failed("the job was removed", final=True)
        span = WebhookSpan(self.spans, job, delivery)
        from modelport.security.post import post_bytes  # and an HTTP client, for those that have webhooks

        try:
            body = message(delivery, job, self.base_path)
            failpoints.reach("webhook.before_send")
            headers = self._headers(delivery.id, body) | dict(context_fields(span.place))
            status = await post_bytes(delivery.url, body, headers, self.limits)
        except UrlError as error:
            span.over(0, "no answer")
            self.targets.stayed_silent(target, now())
            log.debug("webhook %s: %s", delivery.id, error.why)
            raise _Failed("no allowed address answered in time") from error
        except Exception as error:  # one odd message must not stop the others
            log.exception("webhook %s of job %s cannot be sent", delivery.id, delivery.job_id)
            raise _Failed(f"a bug: {type(error).__name__}") from error
        span.over(status)
        self.targets.answered(target)
        failpoints.reach("webhook.answered")
        if not 200 <= status <= 299:
            raise _Failed(f"the target answered {status}", final=status == GONE)

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        timestamp = int(self.clock())
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._keys, message_id, timestamp, body),
        }
