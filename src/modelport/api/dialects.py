"""What a dialect is in the server: its rows in the table of endpoints, and what answers them.

The module `server` of a dialect has a class of its own, made from `DialectServer`, as `SERVER`. It builds on
what stands in `api`, which knows dialects through `servers` alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from starlette.routing import BaseRoute

from modelport.api.answers import Listings
from modelport.api.calls import CallHandler
from modelport.api.dialect_ports import DialectPort
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints.row import Endpoint
from modelport.api.job_answers import JobAnswers
from modelport.api.metrics.readings import Readings
from modelport.api.quick_refusals import Wrap
from modelport.api.refusal_form import RefusalForm
from modelport.api.root.dialect import RootDialect
from modelport.api.root.root import Root
from modelport.api.runs.predictions import RunPredictions
from modelport.api.taken import Taken
from modelport.dialects import NAMES, part
from modelport.http.asgi import Receive, Scope, Send
from modelport.jobs.service import JobService
from modelport.runs.service import RunService
from modelport.settings import Settings
from modelport.telemetry.metrics.requests import RequestCounts

if TYPE_CHECKING:
    from modelport.api.app import Application

ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]


class Parts(NamedTuple):
    """What an application has for its dialects to build on.

    `own_routes` are somebody else's, which come before those here; `is_replaced` is true if one of them takes
    the predictions at a path. `configurations` has by a dialect's name what a file of the original system
    says. `readings` are of models, and `requests` has what was counted of them, if that is wanted. The whole
    `application` answers what one of them asks it.
    """

    calls: CallHandler
    answers: JobAnswers
    jobs: JobService
    runs: RunService
    run_predictions: RunPredictions
    listings: Listings
    root: Root
    base_path: str
    own_routes: Sequence[BaseRoute]
    is_replaced: Callable[[str], bool]
    configurations: Mapping[str, Any]
    readings: Readings
    requests: RequestCounts | None
    application: ASGI

    def paths_of_models(self, row: Endpoint) -> dict[str, str]:
        """The paths of a row below each model, with the model: it is found by one look-up, without a route.

        What somebody else's route takes is none of them.
        """
        paths = {source.name: row.route.format(model=source.name) for source in self.calls.engine.sources}
        return {f"{self.base_path}{path}": name for name, path in paths.items() if not self.is_replaced(path)}


class DialectServer:
    """One dialect in an application. What it does not say for itself, it has not.

    `rows` are those of the server, `rows_of_root` those of the model at the root, and `rows_of_models` those
    below each model; their handlers ask `Handlers.of` for the dialect. What another dialect puts around the
    answers at the root is not put around those at paths that begin with a part in `apart`.
    """

    apart: ClassVar[frozenset[str]] = frozenset()
    rows: ClassVar[tuple[Endpoint, ...]] = ()
    rows_of_root: ClassVar[tuple[Endpoint, ...]] = ()
    rows_of_models: ClassVar[tuple[Endpoint, ...]] = ()

    def __init__(self, parts: Parts):
        self.parts = parts

    @classmethod
    def at_root(cls, settings: Settings) -> RootDialect | None:
        """How it speaks at the root, if it does so on this server."""
        return None

    def direct(self) -> Iterable[DirectDialect]:
        """Its predictions that may go the shortest way."""
        return ()

    def taken(self, path: str, method: str) -> Taken | None:
        """What answers such a request before any route is looked for. `path` has no slash at its end."""
        return None

    def form_at(self, path: str) -> RefusalForm | None:
        """In which form somebody is told that they may not come in, at a path of its own that is not taken.

        `None` for any other path.
        """
        return None

    def port(self, app: Application) -> DialectPort | None:
        """The port at which it is spoken, if that is its own and is wanted."""
        return None

    def around(self, app: ASGI) -> ASGI:
        """`app`, with what the dialect puts around its answers."""
        return app

    def around_refusal(self, scope: Scope) -> Wrap | None:
        """What that does with the body of a refusal of such a request; `None` if it leaves it alone."""
        return None


@cache
def servers() -> tuple[type[DialectServer], ...]:
    """The servers of all dialects, in the order of their names."""
    found = (part(name, "server") for name in NAMES)
    return tuple(cast("type[DialectServer]", module.SERVER) for module in found if module is not None)


def root_dialect(settings: Settings) -> RootDialect:
    """The dialect that this server speaks at the root: of those that would, the last."""
    return [found for server in servers() if (found := server.at_root(settings)) is not None][-1]
