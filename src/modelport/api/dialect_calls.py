"""Predictions of one model in a dialect of its own errors, of what is live or of a version, at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from starlette.requests import Request

from modelport.api.calls import CallHandler, Ends
from modelport.api.exchanges import request_number
from modelport.api.named_models import asked_pool
from modelport.api.refusal_form import RefusalForm
from modelport.api.runs.predictions import version_in_use
from modelport.api.runs.run_routes import problem_of
from modelport.contract.calls import Answer, Call
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send
from modelport.problems import Problem
from modelport.runs.errors import RunError
from modelport.runs.service import RunService


@contextlib.contextmanager
def told_in(form: RefusalForm) -> Generator[None]:
    """Say of problems, and of what is wrong with versions, what it is in the words of a form, too."""
    try:
        yield
    except (Problem, RunError) as error:
        problem = problem_of(error) if isinstance(error, RunError) else error
        problem.extra |= json.loads(form.body(problem, "", ""))
        raise problem from None


def say_in(form: RefusalForm, answer: Answer) -> None:
    """Say of a failure that no codec has put into words what it is in the words of a form."""
    if answer.problem:
        answer.problem = False
        answer.content_type = form.media_type
        answer.body = form.body(Problem(answer.status, answer.detail or answer.reason), "", "")


def version_of(pool: Pool) -> str:
    """The version that answers, as dialects tell it; empty for the model as its source has it."""
    return str(pool.version) if pool.version else ""


class Given(NamedTuple):
    """What the codec of a dialect is given with a call: of a request's head the `fields`, how long its client
    waits for the model (`Ends`), and the file that lists the shared memory of clients. What a model streams
    comes whole if they `collect` it. `told` says what an answer repeats of who answers, as its `request_id`.
    """

    fields: Sequence[str] = ()
    asked_seconds: Callable[[Pool, Call], float | None] | None = None
    client_memory: str = ""
    collect: bool = True
    told: Callable[[Pool], str] = version_of


NOTHING = Given()


class DialectCalls:
    """Answers them. One for each dialect of an application; it keeps no state of a request.

    `form` has the errors of the dialect, and its codec is given `more`.
    """

    def __init__(
        self,
        calls: CallHandler,
        runs: RunService,
        dialect: str,
        form: RefusalForm,
        more: Given = NOTHING,
    ):
        self.calls = calls
        self.runs = runs
        self.form = form
        self._dialect = dialect
        self._more = more

    def told(self) -> contextlib.AbstractContextManager[None]:
        """Say of problems what is wrong in the words of the dialect, too."""
        return told_in(self.form)

    def pool(self, request: Request) -> Pool:
        """The model that the path names. Raises `Problem`, also where no predictions are made."""
        pool = asked_pool(self.calls.engine, request)
        self.calls.check_predictions_allowed()
        return pool

    async def version(self, request: Request, model: str) -> int:
        """The version that the path names, by number or alias. Raises `RunError`."""
        return await self.runs.resolve(model, request.path_params["version"])

    async def live(self, scope: Scope, receive: Receive, send: Send, model: str) -> None:
        """Answer a prediction by what is live. Raises nothing."""
        await self.answer(scope, receive, send, self.calls.engine.route(model))

    async def by_version(self, scope: Scope, receive: Receive, send: Send, model: str, version: int) -> None:
        """Answer a prediction by a version, whatever is live. Raises nothing."""
        try:
            async with version_in_use(self.calls.engine, self.runs, model, version) as pool:
                await self.answer(scope, receive, send, pool)
        except (Problem, RunError) as error:
            problem = problem_of(error) if isinstance(error, RunError) else error
            engine = self.calls.engine
            await self.form.send(send, problem, engine.request_id(request_number(engine)))

    async def answer(self, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
        """Answer a prediction by these workers. Raises nothing."""
        engine = self.calls.engine
        call = Call(
            request_number(engine),
            dialect=self._dialect,
            collect=self._more.collect,
            request_id=self._more.told(pool),
            client_memory=self._more.client_memory,
        )

        async def respond(pending: Pending, answer: Answer) -> None:
            await self.respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await self.form.send(send, problem, engine.request_id(call.id))

        await self.calls.exchange(
            scope, receive, pool, call, Ends(respond, refuse, self._more.fields, self._more.asked_seconds)
        )

    async def respond(self, send: Send, pool: Pool, pending: Pending, answer: Answer) -> None:
        """Send an answer; a failure that no codec has put into words is said in those of the dialect."""
        say_in(self.form, answer)
        await self.calls.respond(send, pool, pending, answer, self.form)
