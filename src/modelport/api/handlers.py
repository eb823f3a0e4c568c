"""Everything of an application that answers requests, for the rows of the table to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar, cast

from modelport.api.batch_routes import BatchRoutes
from modelport.api.dialects import DialectServer
from modelport.api.documents_routes import DocumentRoutes
from modelport.api.health import Health
from modelport.api.identity_routes import IdentityRoutes
from modelport.api.job_routes import JobRoutes
from modelport.api.metrics.routes import MetricsRoutes
from modelport.api.metrics.statistics import StatisticsRoutes
from modelport.api.model_log_routes import ModelLogRoutes
from modelport.api.monitoring_routes import MonitoringRoutes
from modelport.api.oidc_routes import OidcRoutes
from modelport.api.own_limits import OwnLimitRoutes
from modelport.api.page_routes import PageRoutes
from modelport.api.repository_routes import RepositoryRoutes
from modelport.api.root.root import Root
from modelport.api.runs.run_routes import RunRoutes
from modelport.api.runs.version_routes import VersionRoutes
from modelport.api.session_routes import SessionRoutes
from modelport.api.signature_routes import SignatureRoutes
from modelport.api.stream_calls import StreamCalls
from modelport.api.usage_routes import UsageRoutes
from modelport.api.user_routes import UserRoutes

Dialect = TypeVar("Dialect", bound=DialectServer)


class Handlers(NamedTuple):
    """One of each kind; of the dialects, by their classes."""

    health: Health
    runs: RunRoutes
    versions: VersionRoutes
    monitoring: MonitoringRoutes
    repository: RepositoryRoutes
    signatures: SignatureRoutes
    streams: StreamCalls
    jobs: JobRoutes
    batches: BatchRoutes
    documents: DocumentRoutes
    page: PageRoutes
    identity: IdentityRoutes
    users: UserRoutes
    sessions: SessionRoutes
    oidc: OidcRoutes
    usage: UsageRoutes
    own_limits: OwnLimitRoutes
    metrics: MetricsRoutes
    statistics: StatisticsRoutes
    model_logs: ModelLogRoutes
    root: Root
    dialects: Mapping[type[DialectServer], DialectServer]

    def of(self, dialect: type[Dialect]) -> Dialect:
        """The one of this class."""
        return cast("Dialect", self.dialects[dialect])
