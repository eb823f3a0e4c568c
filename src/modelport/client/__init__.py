"""The Python client of a modelport server: predictions, jobs, runs, and what came out of them.

`Client` blocks and `AsyncClient` awaits; both run the same flows (see `exchange`). The package talks HTTP and
knows nothing of the server's code.
"""

from modelport.client.answers import Content
from modelport.client.async_client import AsyncClient
from modelport.client.async_job import AsyncArtifact, AsyncJob
from modelport.client.calls import Prediction
from modelport.client.errors import (
    ArgumentsRefused,
    ConnectionFailed,
    JobFailed,
    ModelFailed,
    NotFound,
    PromotionRefused,
    RequestRefused,
    ServerBusy,
    TimedOut,
)
from modelport.client.records import Event, MetricPoint, Progress
from modelport.client.run_records import Promotion, Run, Version
from modelport.client.sync_client import Client
from modelport.client.sync_job import Artifact, Job
from modelport.contract.errors import ModelportError

__all__ = [
    "ArgumentsRefused",
    "Artifact",
    "AsyncArtifact",
    "AsyncClient",
    "AsyncJob",
    "Client",
    "ConnectionFailed",
    "Content",
    "Event",
    "Job",
    "JobFailed",
    "MetricPoint",
    "ModelFailed",
    "ModelportError",
    "NotFound",
    "Prediction",
    "Progress",
    "Promotion",
    "PromotionRefused",
    "RequestRefused",
    "Run",
    "ServerBusy",
    "TimedOut",
    "Version",
]
