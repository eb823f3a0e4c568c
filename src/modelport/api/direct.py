"""The shortest way of a prediction: whole JSON request in, frame out, frame in, whole JSON response out.

No task, no coroutine, no future: two callbacks. It takes only what is plain, and leaves everything else
(files, forms, streams, errors, slow readers) to `CallHandler`, which does all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

from modelport.api.admission import OF_PAGES, Admission
from modelport.api.bodies import MEMORY_BYTES
from modelport.api.calls import CallHandler
from modelport.api.job_fields import JOB_FIELDS
from modelport.contract.calls import Answer, Call
from modelport.contract.signature import JSON
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool, Refused
from modelport.http.asgi import Receive, Scope, Send
from modelport.http.cycle import Cycle

# Fields that mean something to the server. The first three are read here, a request with another one goes
# the long way; all other fields mean nothing to it.
MEANINGFUL = (
    frozenset({b"host", b"content-type", b"accept", b"content-encoding", b"prefer", b"idempotency-key"})
    | OF_PAGES
    | JOB_FIELDS
)
# `/versions/7/predict` after the path of a model; an alias goes the long way.
VERSION = re.compile(r"(?P<model>.+)/versions/(?P<number>0|[1-9][0-9]{0,8})(?P<rest>/predict/?)")
VersionOf = Callable[[str, int], Pool | None]


class DirectCalls:
    """Takes plain predictions from the HTTP protocol. One for the application.

    `paths` names the model that answers at each path of predictions. `version_of` has the pool of a version
    of a model if it can answer now.
    """

    def __init__(
        self,
        calls: CallHandler,
        admission: Admission,
        paths: dict[str, str],
        version_of: VersionOf,
    ):
        self.engine = calls.engine
        settings = calls.settings
        self._admission = admission
        self._version_of = version_of
        self._calls = calls
        limits = (settings.json_max_size, settings.client_max_size, MEMORY_BYTES)
        self._max_body = min(limit for limit in limits if limit)
        self._models: dict[str, str] = {}
        if settings.predict_endpoint and not settings.allow_url_inputs:
            self._models = paths | {f"{path}/": name for path, name in paths.items()}
        self._default_headers: object = None
        self._head = b""
        self._other: Callable[[Cycle], bool] = _take_nothing

    def also(self, other: Callable[[Cycle], bool]) -> None:
        """Offer requests at other paths to `other`, which takes them as `take` does."""
        self._other = other

    def take(self, cycle: Cycle) -> bool:
        """Answer the request if it is a plain prediction; false, with nothing done, if it is not."""
        version = None
        name = self._models.get(cycle.path)
        if name is None:
            name, version = self._version_at(cycle.path)
        if name is None:
            return self._other(cycle)
        if cycle.method != "POST" or len(cycle.body) > self._max_body:
            return False
        if cycle.waiting_for_100_continue or cycle.flow.write_paused:
            return False
        content_type = accept = ""
        known_hosts = self._admission.known_hosts(cycle.server)
        for field, value in cycle.headers:
            if field in MEANINGFUL:
                if field == b"content-type" and not content_type:
                    content_type = value.decode("latin-1")
                elif field == b"accept" and not accept:
                    accept = value.decode("latin-1")
                elif field == b"host":
                    if value not in known_hosts:
                        return False
                else:
                    return False
        pool = self.engine.route(name) if version is None else self._version_of(name, version)
        if pool is None or pool.reads_headers or pool.takes_base64 or not _is_json(content_type):
            return False
        if not self._calls.memory.take(len(cycle.body)):
            return False
        call = Call(
            self.engine.next_id(),
            query=cycle.query,
            content_type=content_type,
            accept=accept,
            body=bytes(cycle.body),
        )
        try:
            pending = pool.submit(call, partial(self._on_answer, cycle, pool))
        except Refused:
            self._calls.memory.give(len(call.body))
            return False
        cycle.connection.on_disconnect = partial(pool.cancel, pending)
        return True

    def _version_at(self, path: str) -> tuple[str | None, int | None]:
        """The model and the number of the version that answers at this path, if it is one."""
        found = VERSION.fullmatch(path) if "/versions/" in path else None
        if found is None:
            return None, None
        return self._models.get(found["model"] + found["rest"]), int(found["number"])

    def _on_answer(self, cycle: Cycle, pool: Pool, pending: Pending, answer: Answer) -> None:
        self._calls.memory.give(len(pending.call.body))
        if answer.is_plain and not cycle.flow.write_paused:
            cycle.send_whole(self._head_of(cycle, answer), answer.body)
        elif not cycle.disconnected:
            cycle.run_as_task(partial(self._respond, pool, pending, answer))

    async def _respond(
        self, pool: Pool, pending: Pending, answer: Answer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await self._calls.respond(send, pool, pending, answer)

    def _head_of(self, cycle: Cycle, answer: Answer) -> bytes:
        if cycle.default_headers is not self._default_headers:  # a new list each second: it has the date
            self._default_headers = cycle.default_headers
            fields = b"".join(b"%b: %b\r\n" % field for field in cycle.default_headers)
            self._head = b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\nx-request-id: " % fields
        return self._head + f"{self.engine.request_id(answer.id)}\r\n".encode()


def _take_nothing(cycle: Cycle) -> bool:
    return False


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    return len(content_type) < 100 and content_type.partition(";")[0].strip().lower() == JSON
