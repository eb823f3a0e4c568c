"""What a dialect says of its predictions that may go the shortest way (`api.direct`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from modelport.contract.calls import Answer, Call
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Send


class DirectDialect(NamedTuple):
    """What a dialect says of its plain predictions.

    `paths` names the model that answers at each path, and `pool` has its workers, `None` if they are not to
    be asked so; `has_versions` says that its versions answer below. `reads` tells by its Content-Type whether
    a body is read here, and with one of `fields`, beside those that no dialect reads here, no request is.
    `respond` sends an answer that is not plain; a client that has waited for `seconds`, or for the
    `asked_seconds` of its own call, gets a 504 by it. `id_field` is
    the header in which an answer has the id of its prediction, from `new_id`. `route` is its
    endpoint's path as the documents write it. `began` and `ended` hear of each. The fields `handed_on` go
    with the call; where it `tells_version`, its `request_id` is the version that is asked, if it has one.
    `client_memory` goes with it, too. Its codec reads bodies that are views of memory if it `shares_bodies`.
    """

    paths: dict[str, str]
    pool: Callable[[str], Pool | None]
    reads: Callable[[str], bool]
    respond: Callable[[Send, Pool, Pending, Answer], Awaitable[None]]
    fields: frozenset[bytes] = frozenset()
    has_versions: bool = False
    name: str = "v2"
    collects: bool = False
    seconds: float | None = None
    asked_seconds: Callable[[Pool, Call], float | None] | None = None
    id_field: str = ""
    route: str = ""
    new_id: Callable[[], str] = str
    began: Callable[[], None] | None = None
    ended: Callable[[], None] | None = None
    handed_on: frozenset[bytes] = frozenset()
    tells_version: bool = False
    client_memory: str = ""
    shares_bodies: bool = False
