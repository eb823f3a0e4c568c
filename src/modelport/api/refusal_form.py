"""In which form a client is told that its request may not come in: one description for every way in.

The application sends it (`send`); the quick way has it prepared as bytes (`api.quick_refusals`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from modelport.contract.signature import JSON
from modelport.http.asgi import Headers, Send, send_body
from modelport.problems import PROBLEM_JSON, Problem, problem_body


def _as_it_is(problem: Problem) -> Problem:
    return problem


@dataclass(frozen=True, eq=False)
class RefusalForm:
    """How a dialect says it.

    `body` makes the body for a problem, the id of the request and that of the prediction; `words` gives a
    problem the status and the words of the dialect. `id_field` is the header in which an answer has the id of
    the prediction, from `new_id`. `event` is what a stream of events says before its end of why it is cut;
    without it that is an event `error`.
    """

    media_type: str
    body: Callable[[Problem, str, str], bytes]
    words: Callable[[Problem], Problem] = _as_it_is
    id_field: str = ""
    new_id: Callable[[], str] = str
    event: Callable[[Problem], bytes] | None = None

    def fields(self, problem: Problem, request_id: str, own_id: str) -> Headers:
        """The header fields of the answer, but for those of its framing."""
        fields = [("content-type", self.media_type)]
        if self.id_field:
            fields.append((self.id_field, own_id))
        fields += [("x-request-id", request_id), *((name.lower(), value) for name, value in problem.headers)]
        return [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in fields
        ]

    async def send(self, send: Send, problem: Problem, request_id: str, own_id: str = "") -> None:
        """Answer with a problem; the prediction has this id, or a new one."""
        problem = self.words(problem)
        own_id = own_id or self.new_id()
        body = self.body(problem, request_id, own_id)
        await send_body(send, problem.status, self.fields(problem, request_id, own_id), body, problem.reason)


def _details(problem: Problem, request_id: str, own_id: str) -> bytes:
    return problem_body(problem.status, problem.detail, request_id, problem.reason, problem.extra)


def _error(problem: Problem, request_id: str, own_id: str) -> bytes:
    return json.dumps({"error": problem.detail}, ensure_ascii=False).encode()


PROBLEM_DETAILS = RefusalForm(PROBLEM_JSON, _details)  # RFC 9457, where no dialect has another form
INFERENCE_ERROR = RefusalForm(JSON, _error)  # of the Open Inference Protocol
