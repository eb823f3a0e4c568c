"""Refusing wrong keys that come in numbers, at the least cost: no task, no application, nothing that waits.

Where too many wrong ones have come from (`identity.wrong_credentials`), a request with a further one is
answered as soon as it was read, with bytes that were prepared: in them there are only the ids to be put in.
They are those of the long way, in the form of the dialect that has the path.

What can go wrong, and what answers it:

- *One that is right is refused.* It is looked up each time that the keys have changed, and what is found is
  not refused here. What could be found to be right only by waiting goes the long way.
- *The two ways differ.* Both have the form from one place (`Application.form_at`), and a test asks by both.
- *What is prepared costs memory.* There are as many as there are forms and seconds to wait: a minute at most.
  Which path has which form is remembered of `MOST_FORMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter, time
from typing import NamedTuple

from modelport.api.credentials import CREDENTIALS, Credentials, as_sent, too_many_wrong
from modelport.api.exchanges import REQUEST_ID, clients_id
from modelport.api.refusal_form import RefusalForm
from modelport.engine.ports import Engine
from modelport.http.asgi import Scope
from modelport.http.cycle import Cycle, status_line
from modelport.http.heads import Head
from modelport.telemetry.exchanges import Exchange, Exchanges

# Stand for the ids in what is prepared. Nothing of a request is in there, so nothing else can be the same.
THIS_REQUEST, THIS_PREDICTION = "<this request>", "<this prediction>"
IN_REQUEST, IN_PREDICTION = THIS_REQUEST.encode(), THIS_PREDICTION.encode()

MOST_FORMS = 512  # that are remembered


class Wrap(NamedTuple):
    """What a dialect puts around answers: of which media type they are then, and the body by the status."""

    media_type: str
    body: Callable[[Scope, int, bytes], bytes]


@dataclass(slots=True)
class Refusable:
    """What there is to be known of each request with one head, if its credential is wrong.

    `wrong_at` is the state of the keys in which it was none of them.
    """

    form: RefusalForm
    wrap: Wrap | None
    clients_id: str
    wrong_at: int = -1


class QuickRefusals:
    """One for the application: `form_at` tells in which form it answers a request that may not come in, and
    `is_open` what anybody may ask.
    """

    def __init__(
        self,
        form_at: Callable[[Scope], tuple[RefusalForm, Wrap | None]],
        is_open: Callable[[str, str], bool],
        credentials: Credentials,
        of: tuple[Engine, Exchanges],
    ):
        self._form_at = form_at
        self._is_open = is_open
        self._credentials = credentials
        self._engine, self._exchanges = of
        self._prepared: dict[tuple[RefusalForm, Wrap | None, int], tuple[int, bytes, bytes]] = {}
        self._forms: dict[tuple[str, str], tuple[RefusalForm, Wrap | None]] = {}  # by method and path
        self._default_headers: object = None
        self._own = b""

    def credential_of(self, head: Head) -> bytes:
        """The credential by which a request of this head may be refused here; empty if it may not."""
        if self._is_open(head.method, head.path):
            return b""
        sent = [as_sent(field, value) for field, value in head.headers if field in CREDENTIALS]
        return sent[0] if len(sent) == 1 else b""

    def take(self, cycle: Cycle, credential: bytes, known: Refusable | None) -> Refusable | None:
        """Refuse the request if it is to be; `None`, with nothing done, if it is not.

        `known` is what this has returned for a request with the same head.
        """
        seconds = self._credentials.seconds_to_wait(cycle.client)
        if not seconds or cycle.flow.write_paused:
            return None
        wrong_at = -1 if known is None else known.wrong_at
        wrong_at = self._credentials.wrong_at(credential, cycle.client, wrong_at)
        if wrong_at is None:
            return None
        if known is None:
            asked = next((value for name, value in cycle.head.headers if name == REQUEST_ID), b"")
            known = Refusable(*self._form_of(cycle), clients_id(asked))
        known.wrong_at = wrong_at
        self._send(cycle, known, seconds)
        return known

    def _form_of(self, cycle: Cycle) -> tuple[RefusalForm, Wrap | None]:
        asked = cycle.head.method, cycle.head.path
        found = self._forms.get(asked)
        if found is None:
            if len(self._forms) >= MOST_FORMS:
                self._forms.clear()
            found = self._forms[asked] = self._form_at(cycle.scope)
        return found

    def _send(self, cycle: Cycle, known: Refusable, seconds: int) -> None:
        form = known.form
        status, fields, body = self._prepared.get((form, known.wrap, seconds)) or self._prepare(
            form, known.wrap, seconds
        )
        if known.wrap is not None:
            body = known.wrap.body(cycle.scope, status, body)
        request_id = self._engine.request_id(self._engine.next_id())
        named = request_id.encode()
        fields, body = fields.replace(IN_REQUEST, named), body.replace(IN_REQUEST, named)
        if form.id_field:
            own = form.new_id().encode()
            fields, body = fields.replace(IN_PREDICTION, own), body.replace(IN_PREDICTION, own)
        if cycle.default_headers is not self._default_headers:  # a new list each second: it has the date
            self._default_headers = cycle.default_headers
            self._own = _lines(cycle.default_headers)
        cycle.send_whole(b"%b%b%b" % (status_line(status, None), self._own, fields), body)
        if self._exchanges.hearers:
            self._note(cycle, known, request_id, status, len(body))

    def _prepare(self, form: RefusalForm, wrap: Wrap | None, seconds: int) -> tuple[int, bytes, bytes]:
        """The status, the fields and the body of what is answered to who is to wait so long."""
        problem = form.words(too_many_wrong(seconds))
        ids = THIS_REQUEST, THIS_PREDICTION
        outer = form if wrap is None else replace(form, media_type=wrap.media_type)
        found = problem.status, _lines(outer.fields(problem, *ids)), form.body(problem, *ids)
        self._prepared[form, wrap, seconds] = found
        return found

    def _note(self, cycle: Cycle, known: Refusable, request_id: str, status: int, size: int) -> None:
        self._exchanges.over(
            Exchange(
                began=time(),
                started=perf_counter(),
                method=cycle.head.method,
                path=cycle.head.path,
                client=cycle.client[0] if cycle.client else "",
                request_id=request_id,
                client_request_id=known.clients_id,
                status=status,
                bytes_in=len(cycle.body),
                bytes_out=size,
            )
        )


def _lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)
