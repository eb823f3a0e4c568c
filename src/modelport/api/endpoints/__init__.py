"""Everything that the server answers: one row an endpoint, by subject in the modules of this package.

Routing, `Allow`, the fast paths, the checks of requests and both API documents read this table. Of two rows
that a path fits, the first counts.
"""

from __future__ import annotations

from modelport.api.endpoints.jobs import JOBS
from modelport.api.endpoints.models import MODELS
from modelport.api.endpoints.pages import PAGES
from modelport.api.endpoints.root import ROOT
from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.runs import RUNS, RUNS_OF_ROOT
from modelport.api.endpoints.server import DEBUG, SERVER
from modelport.api.endpoints.versions import VERSIONS

ENDPOINTS: tuple[Endpoint, ...] = (
    *SERVER,
    *ROOT,
    *RUNS_OF_ROOT,
    *MODELS,
    *RUNS,
    *VERSIONS,
    *JOBS,
    DEBUG,
    *PAGES,
)
