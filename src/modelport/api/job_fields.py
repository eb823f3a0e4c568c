"""What the server itself reads of a request that becomes a job: its key, its priority and its callback."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

from modelport.api.query_values import whole_number
from modelport.contract.signature import Operation
from modelport.http.asgi import Scope, header
from modelport.problems import Problem

MAX_KEY = 255
MAX_PRIORITY = 1000
KEY = re.compile(r"[\x21-\x7e]+")
# Without a job they can mean nothing; a prediction with an Idempotency-Key can be made again all the same.
JOB_FIELDS = frozenset({b"job-callback-url", b"job-priority"})
OWN_ARGUMENTS = ("priority", "callback_url")

Own = Mapping[str, Sequence[str]]


def refuse_job_fields(scope: Scope) -> None:
    """Raise `Problem` 422 if a request that makes no job has a field of jobs, 400 for a key that is none."""
    for name, _ in scope["headers"]:
        if name in JOB_FIELDS:
            said = name.decode().title()
            raise Problem(422, f"{said} is for jobs; with Prefer: respond-async the prediction becomes one")
    idempotency_key(scope)


def idempotency_key(scope: Scope) -> str | None:
    """The key without its quotes; `None` without one. Raises `Problem` 400 for what is no key."""
    if all(name != b"idempotency-key" for name, _ in scope["headers"]):
        return None
    key = header(scope, b"idempotency-key").strip().strip('"')
    if len(key) > MAX_KEY or not KEY.fullmatch(key):
        raise Problem(400, f"the Idempotency-Key must be 1 to {MAX_KEY} visible ASCII characters")
    return key


def own_arguments(
    query: bytes, operation: Operation, names: Sequence[str] = OWN_ARGUMENTS
) -> tuple[bytes, dict[str, list[str]]]:
    """Take `priority` and `callback_url`, or others, out of a query string; what the model has is left."""
    theirs = {argument.name for argument in operation.arguments}
    wanted = [name for name in names if name not in theirs and name.encode() in query]
    if not wanted:
        return query, {}
    own: dict[str, list[str]] = {}
    rest: list[tuple[str, str]] = []
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in wanted:
            own.setdefault(name, []).append(value)
        else:
            rest.append((name, value))
    return urlencode(rest).encode(), own


def priority_of(scope: Scope, own: Own) -> int:
    """Its priority, by header or query, 0 without one. Raises `Problem` 422."""
    text = _only(scope, own, "Job-Priority", "priority")
    return whole_number(text, "the priority", 0, -MAX_PRIORITY, MAX_PRIORITY)


def callback_of(scope: Scope, own: Own) -> str | None:
    """The URL of its callback as it was sent, by header or query. Raises `Problem` 422 for two of them."""
    return _only(scope, own, "Job-Callback-Url", "callback_url")


def _only(scope: Scope, own: Own, field: str, argument: str) -> str | None:
    name = field.lower().encode()
    sent = [value for value in own.get(argument, ()) if value]  # an empty option is one that is not set
    sent += [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    if len(sent) > 1:
        raise Problem(422, f"{field} (or {argument} in the query) was sent {len(sent)} times; send it once")
    return sent[0] if sent else None
