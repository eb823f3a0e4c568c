"""Everything of an application that answers requests, for the rows of the table to choose from."""

from __future__ import annotations

from typing import NamedTuple

from modelport.api.documents_routes import DocumentRoutes
from modelport.api.health import Health
from modelport.api.job_routes import JobRoutes
from modelport.api.mlup.routes import MlupApi
from modelport.api.model_calls import ModelCalls
from modelport.api.runs.run_routes import RunRoutes
from modelport.api.runs.version_routes import VersionRoutes
from modelport.api.training import Trainings
from modelport.api.v2 import V2


class Handlers(NamedTuple):
    """One of each kind. `root_runs` are those of the model at the root."""

    health: Health
    v2: V2
    calls: ModelCalls
    trainings: Trainings
    validations: Trainings
    mlup: MlupApi
    root_runs: RunRoutes
    runs: RunRoutes
    versions: VersionRoutes
    jobs: JobRoutes
    documents: DocumentRoutes
