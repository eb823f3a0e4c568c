"""The model that a path names."""

from __future__ import annotations

from modelport.contract.nearest import meant, nearest
from modelport.engine.ports import Engine, Pool
from modelport.problems import Problem


def find_pool(engine: Engine, name: str) -> Pool:
    """The model of this name. Raises `Problem` 404 with the names that exist."""
    pool = engine.pools.get(name)
    if pool is None:
        known = {known.lower(): known for known in engine.pools}
        near = meant([known[one] for one in nearest(name[:100].lower(), known)])
        listed = ", ".join(engine.pools) or "none"
        raise Problem(404, f"there is no model {name[:100]!r}; there is: {listed}{near}")
    return pool
