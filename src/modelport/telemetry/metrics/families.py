"""Every metric that there is, once: its name, its labels and what it says. docs/metrics.md is made from this.

Names are those of Prometheus' convention: the unit is the last word of a name, and of a counter `_total` is.
Each label has a bound. Models are those that are served, versions those that are loaded, workers have the
numbers of their places; routes, verbs, dialects, kinds and states are words of ours; codes are HTTP's. Nobody
who asks is a label.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from modelport.engine.tally import BATCH_CALLS, QUEUE_SECONDS, WORKER_SECONDS
from modelport.storage.writer import COMMIT_SECONDS

Kind = Literal["counter", "gauge", "histogram"]
Together = Literal["sum", "max", "min"]

REQUEST_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
STREAM_BOUNDS = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
JOB_BOUNDS = (0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 43200.0)
LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
ASKED = ("model", "verb", "dialect")
POOL = ("model", "version")


class Family(NamedTuple):
    """A metric: its name (of a counter, without `_total`), its labels, the `bounds` of a histogram, and how
    what several server processes say of it is put `together`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    together: Together = "sum"

    @property
    def shown(self) -> str:
        """Its name as queries have it; of a histogram, followed by `_bucket`, `_sum` and `_count`."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def _counter(name: str, help: str, *labels: str, together: Together = "sum") -> Family:
    return Family(f"modelport_{name}", "counter", help, labels, together=together)


def _gauge(name: str, help: str, *labels: str, together: Together = "sum") -> Family:
    return Family(f"modelport_{name}", "gauge", help, labels, together=together)


def _histogram(name: str, help: str, bounds: tuple[float, ...], *labels: str) -> Family:
    return Family(f"modelport_{name}", "histogram", help, labels, bounds)


# -- requests --------------------------------------------------------------------------------------
REQUESTS = _counter(
    "requests",
    "Requests that asked a model, by the status of the answer (499: the client left before)",
    *ASKED,
    "code",
)
REQUEST_SECONDS = _histogram(
    "request_duration_seconds",
    "From the request until its whole answer was handed to the system; streams stand by themselves",
    REQUEST_BOUNDS,
    *ASKED,
)
STREAM_SECONDS = _histogram(
    "stream_duration_seconds",
    "The same of answers that were streamed",
    STREAM_BOUNDS,
    *ASKED,
)
REQUEST_BYTES = _counter("request_body_bytes", "Bytes of the bodies of these requests", *ASKED)
RESPONSE_BYTES = _counter("response_body_bytes", "Bytes of the bodies of their answers", *ASKED)
TOKENS = _counter(
    "tokens",
    "Tokens that models have read (prompt) and written (completion), of those that count them",
    "model",
    "kind",
)
VERSION_REQUESTS = _counter(
    "version_requests",
    "Requests that asked a version of a model which is loaded now; version 0 is the model as its source"
    " has it",
    *POOL,
    "code",
)
OTHER_REQUESTS = _counter(
    "http_requests",
    "Requests that were answered without a call to a model, by the path of the endpoint as the documents "
    "write it; other: nothing answers there, or who asked was not let in",
    "route",
    "code",
)
REFUSED = _counter(
    "http_refused",
    "Requests and connections that HTTP itself refused, before anything was asked: bad framing (400), "
    "timeouts (408), sizes (413, 414, 431), too many connections (503)",
    "code",
)
CONNECTIONS = _gauge("http_connections", "Connections that are open")
ACCEPTED = _counter("http_connections_accepted", "Connections that were accepted")
BODY_MEMORY = _gauge("body_memory_bytes", "Bodies of requests that are in memory now (max_body_memory)")
SPOOL = _gauge("spool_bytes", "Files of requests and answers in the spool folder")

# -- models ----------------------------------------------------------------------------------------
READY = _gauge(
    "ready",
    "1 if every model can answer and the server does not stop, as /v2/health/ready says",
    together="min",
)
MODEL_READY = _gauge("model_ready", "1 if this version of the model answers calls", *POOL, together="min")
MODEL_STATE = _gauge(
    "model_state", "1 for the state that this version of the model is in", *POOL, "state", together="max"
)
LIVE = _gauge("live_version_info", "1 for the version that answers for its model", *POOL, together="max")
WEIGHT = _gauge(
    "version_weight_ratio",
    "The share of the calls to a model that a version gets, from 0 to 1",
    *POOL,
    together="max",
)
LOAD_SECONDS = _gauge(
    "model_load_seconds",
    "From the start of this version until it was ready for the first time",
    *POOL,
    together="max",
)
QUEUE_CALLS = _gauge("queue_calls", "Calls that wait for a worker", *POOL)
QUEUE_LIMIT = _gauge("queue_limit_calls", "How many may wait (queue_size)", *POOL)
RUNNING_CALLS = _gauge("running_calls", "Calls that workers have, streams among them", *POOL)
QUEUED = _histogram(
    "queue_duration_seconds",
    "From the arrival of a call until a worker was given it; of requests, jobs and other models",
    QUEUE_SECONDS,
    "model",
)
BATCHES = _histogram("batch_size", "Calls that were given to a worker at once", BATCH_CALLS, "model")
WORKED = _histogram(
    "worker_duration_seconds", "What whole answers took in the worker", WORKER_SECONDS, "model"
)
PIECES = _counter(
    "stream_pieces", "Pieces that streams have sent: tokens, of a model that yields each", "model"
)
WORKERS = _gauge("workers", "Workers: starting, free, busy, or ending after their last call", *POOL, "state")
WORKER_MEMORY = _gauge(
    "worker_resident_memory_bytes",
    "Resident memory of a worker, shared pages included",
    *POOL,
    "worker",
)
RESTARTS = _counter("worker_restarts", "Workers that were replaced because they ended", "model")
REPLACED = _counter(
    "worker_memory_replacements",
    "Workers that were replaced because of their memory (memory_limit)",
    "model",
)
ENDS = _counter(
    "worker_ends",
    "Workers that ended without being told to: hung and memory were killed for that, killed by the "
    "system or somebody (SIGKILL), signal, exit, or stopped for another reason",
    "model",
    "reason",
)
OOM_KILLS = _counter(
    "oom_kills",
    "Processes that the kernel has killed for want of memory in the control group of this server, since"
    " that was made",
    together="max",
)

# -- jobs ------------------------------------------------------------------------------------------
JOBS = _gauge(
    "jobs",
    "Jobs in the database that have not ended: queued, running or interrupted. Servers that share it "
    "tell the same",
    "model",
    "kind",
    "state",
    together="max",
)
OLDEST_JOB = _gauge(
    "oldest_queued_job_age_seconds",
    "Since the oldest job that waits was asked for",
    "model",
    "kind",
    together="max",
)
ATTEMPTS = _counter("job_attempts", "Attempts at jobs that this server has begun", "model", "kind")
ATTEMPTS_ENDED = _counter(
    "job_attempts_ended",
    "Those that it has ended, by the state that they ended in",
    "model",
    "kind",
    "state",
)
JOB_WAIT = _histogram(
    "job_wait_seconds",
    "From the request for a job until its first attempt began",
    JOB_BOUNDS,
    "model",
    "kind",
)
JOB_SECONDS = _histogram("job_attempt_duration_seconds", "What attempts took", JOB_BOUNDS, "model", "kind")
WEBHOOKS = _counter(
    "webhooks",
    "Tries to deliver a webhook: delivered, failed (and tried again), given_up",
    "result",
)

# -- drift -----------------------------------------------------------------------------------------
DRIFT = _gauge(
    "drift_verdict",
    "1 for what is said of the columns of inputs and answers together: ok, watch, drift or unknown. Of the "
    "last 24 hours, against what the training of the version has recorded, else the 7 days before; where "
    "log_payloads keeps predictions",
    *POOL,
    "verdict",
    together="max",
)
DRIFTED = _gauge(
    "drifted_columns_ratio",
    "The share of these columns that have drifted, of those of which anything can be said, from 0 to 1",
    *POOL,
    together="max",
)
LARGEST_PSI = _gauge(
    "drift_largest_psi",
    "The largest population stability index of one of them, 0 where it is no more than by chance",
    *POOL,
    together="max",
)
DRIFT_SEEN = _gauge(
    "drift_report_timestamp_seconds",
    "When this was looked at, in seconds since 1970",
    "model",
    together="max",
)

# -- the server ------------------------------------------------------------------------------------
DATABASE_UP = _gauge("database_up", "1 if the database is open", together="min")
DATABASE_QUEUE = _gauge("database_queue_writes", "Writes that wait for the next commit")
DATABASE_WRITES = _counter("database_writes", "Writes that were committed, or failed", "result")
DATABASE_COMMITS = _histogram(
    "database_commit_duration_seconds",
    "What a commit took, with its sync; many writes may share one",
    COMMIT_SECONDS,
)
LAG = _histogram(
    "event_loop_lag_seconds",
    "How late the event loop came to what was due, looked at twice a second",
    LAG_BOUNDS,
)
BUILD = _gauge("build_info", "1: which modelport this is", "version", "python", together="max")
SCRAPE_FAILURES = _counter(
    "scrape_failures",
    "Parts of scrapes that could not be read in time: memory, jobs, spool, drift, process, oom, processes",
    "part",
)

FAMILIES = tuple(value for value in list(globals().values()) if isinstance(value, Family))
