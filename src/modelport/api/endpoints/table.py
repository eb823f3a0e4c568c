"""Everything that the server answers: one row an endpoint, by subject in the modules beside, and by dialect.

Routing, `Allow`, the fast paths, the checks of requests and both API documents read this table. Of two rows
that a path fits, the first counts.
"""

from __future__ import annotations

from itertools import chain

from modelport.api.dialects import servers
from modelport.api.endpoints.batches import BATCHES
from modelport.api.endpoints.identity import IDENTITY
from modelport.api.endpoints.jobs import JOBS
from modelport.api.endpoints.models import OF_MODELS
from modelport.api.endpoints.monitoring import MONITORING
from modelport.api.endpoints.oidc import OIDC
from modelport.api.endpoints.pages import PAGES, ROOMS
from modelport.api.endpoints.repository import REPOSITORY
from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.runs import RUNS
from modelport.api.endpoints.server import SERVER
from modelport.api.endpoints.streams import STREAMS
from modelport.api.endpoints.usage import USAGE
from modelport.api.endpoints.users import USERS
from modelport.api.endpoints.versions import VERSIONS

OF_ROOT = tuple(chain.from_iterable(server.rows_of_root for server in servers()))
ENDPOINTS: tuple[Endpoint, ...] = (
    *chain.from_iterable(server.rows for server in servers()),
    *SERVER,
    *REPOSITORY,
    *OF_ROOT,
    *chain.from_iterable(server.rows_of_models for server in servers()),
    *OF_MODELS,
    *STREAMS,
    *BATCHES,
    *RUNS,
    *VERSIONS,
    *MONITORING,
    *JOBS,
    *IDENTITY,
    *USERS,
    *OIDC,
    *USAGE,
    *PAGES,
    *ROOMS,
)
