"""The model that somebody names, and which names they are told: those of models that they may use or read of.

Whoever may do neither is told none, however they ask; whether one that they name can answer, anybody may ask.
"""

from __future__ import annotations

from starlette.requests import Request

from modelport.api.credentials import principal_of
from modelport.contract.nearest import meant, nearest
from modelport.engine.ports import Engine, Pool
from modelport.identity.principals import AccessScope, Principal
from modelport.problems import Problem


def told_names(engine: Engine, by: Principal) -> list[str]:
    """The names of models that somebody may be told."""
    shown = (AccessScope.READ, AccessScope.PREDICT)
    return [name for name in engine.pools if any(by.may(scope, name) for scope in shown)]


def told_there(engine: Engine, by: Principal) -> str:
    """`; there is: a, b`: what somebody is told who has named no model that there is; may be empty."""
    names = told_names(engine, by)
    if not names and engine.pools:
        return ""
    return f"; there is: {', '.join(names) or 'none'}"


def find_pool(engine: Engine, name: str, by: Principal) -> Pool:
    """The model of this name. Raises `Problem` 404 with the names that they may know who ask."""
    pool = engine.pools.get(name)
    if pool is None:
        known = {known.lower(): known for known in told_names(engine, by)}
        near = meant([known[one] for one in nearest(name[:100].lower(), known)])
        raise Problem(404, f"there is no model {name[:100]!r}{told_there(engine, by)}{near}")
    return pool


def asked_pool(engine: Engine, request: Request) -> Pool:
    """The model that the path of a request names. Raises `Problem` 404, as `find_pool`."""
    return find_pool(engine, request.path_params["model"], principal_of(request.scope))
