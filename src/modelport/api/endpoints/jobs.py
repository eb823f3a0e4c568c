"""Long work, and what has become of it."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data
from modelport.api.endpoints.statuses import STORED
from modelport.api.resources.jobs import Artifacts, Jobs, Metrics
from modelport.jobs.views import Job

READ, TRAIN = AccessScope.READ, AccessScope.TRAIN
TAG = "jobs"
JOB = "/v2/jobs/{job}"
CONFLICT = (*STORED, 409)
PART = Answer("The part of it that Range asks for", media_type="*/*")
FOLLOWED = (
    "Server-sent events, until the job has ended; or until who follows may come in no longer, which an event "
    "`error` says"
)
UNCHANGED = Answer("The client has it already")
LINK = Answer("It is at `Location`, for a while: send no credentials there")
OF_FILE = {206: PART, 304: UNCHANGED}

JOBS = (
    Endpoint(
        "GET", "/v2/jobs", lambda on: on.jobs.list, READ,
        TAG, "jobs", "List jobs, newest first", {200: data("A page of jobs, newest first", Jobs)}, (503,),
        parameters=of.OF_JOBS, owned=True,
    ),
    Endpoint(
        "GET", JOB, lambda on: on.jobs.job, READ,
        TAG, "job", "One job", {200: data("The job", Job)}, STORED, parameters=(of.JOB,), owned=True,
    ),
    Endpoint(
        "DELETE", JOB, lambda on: on.jobs.cancel, TRAIN,
        TAG, "cancel_job", "Cancel a job",
        {200: data("It has ended", Job), 202: data("It will end soon", Job)}, STORED,
        parameters=(of.JOB,), owned=True,
        action="jobs.cancel",
    ),
    Endpoint(
        "POST", f"{JOB}/retry", lambda on: on.jobs.retry, TRAIN,
        TAG, "retry_job", "Queue an interrupted job again",
        {202: data("It is queued again", Job)}, CONFLICT, parameters=(of.JOB,), owned=True,
        action="jobs.retry",
    ),
    Endpoint(
        "GET", f"{JOB}/events", lambda on: on.jobs.events, READ,
        TAG, "job_events", "Follow a job",
        {200: Answer(FOLLOWED, media_type="text/event-stream")}, STORED,
        parameters=(of.JOB, *of.LAST_EVENT), owned=True,
    ),
    Endpoint(
        "GET", f"{JOB}/log", lambda on: on.jobs.log, READ,
        TAG, "job_log", "What a job printed", {200: Answer("Lines", media_type="text/plain")}, STORED,
        parameters=(of.JOB, of.FOLLOW), owned=True,
    ),
    Endpoint(
        "GET", f"{JOB}/metrics", lambda on: on.jobs.metrics, READ,
        TAG, "job_metrics", "What a job measured",
        {200: data("Each metric's values, in order", Metrics)._replace(others=("text/csv",))}, STORED,
        parameters=(of.JOB, *of.OF_METRICS), owned=True,
    ),
    Endpoint(
        "GET", f"{JOB}/artifacts/", lambda on: on.jobs.artifacts, READ,
        TAG, "job_artifacts", "The files that a job kept", {200: data("The files", Artifacts)}, STORED,
        parameters=(of.JOB,), owned=True,
    ),
    Endpoint(
        "GET", f"{JOB}/artifacts/{{name:path}}", lambda on: on.jobs.artifact, READ,
        TAG, "job_artifact", "One file that a job kept",
        {200: Answer("The file", media_type="*/*"), **OF_FILE, 307: LINK}, (*STORED, 416),
        parameters=(of.JOB, of.ARTIFACT, of.REDIRECT), owned=True,
    ),
    Endpoint(
        "GET", f"{JOB}/result", lambda on: on.jobs.result, READ,
        TAG, "job_result", "What a job returned",
        {200: Answer("What it returned, as a prediction would answer", media_type="*/*"), **OF_FILE},
        (*CONFLICT, 416), parameters=(of.JOB,), owned=True,
    ),
)  # fmt: skip
