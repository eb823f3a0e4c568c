"""The resources of long work, as both documents list them: trainings, validations and jobs."""

from __future__ import annotations

from collections.abc import Iterable

from modelport.api.documents.definitions import identifier
from modelport.api.documents.resource import ARGUMENT_RULES, CURSOR_SCHEMA, Answer, Plain, Resource
from modelport.api.documents.resources import BORDER, CALL, DISABLED, JOB, MODEL
from modelport.api.job_fields import MAX_KEY, MAX_PRIORITY
from modelport.contract.signature import JSON, Operation, Signature
from modelport.jobs.records import KINDS
from modelport.jobs.states import State

WORDS = {"train": ("training", "Train the model"), "validate": ("validation", "Validate the model")}
EVENTS = "text/event-stream"
PART: Answer = ("The part of it that Range asks for", "*/*", None)
UNCHANGED: Answer = ("The client has it already", None, None)
UUID = Plain("uuid", "path", "Which one", {"type": "string"})
FORM_SCHEMA = {"type": "string", "enum": ["csv", "json"]}
JOB_ID = Plain("job", "path", "The job's id", {"type": "string"})
LIST_QUERY = (
    Plain("model", "query", "Only jobs of this model", {"type": "string"}),
    Plain("kind", "query", "Only this kind", {"type": "string", "enum": list(KINDS)}),
    Plain("state", "query", "Only jobs in this state", {"type": "string", "enum": list(State)}),
    Plain("limit", "query", "At most so many", {"type": "integer", "minimum": 1, "maximum": 500}),
    Plain("cursor", "query", "The next_cursor of the page before", CURSOR_SCHEMA),
)
KEY_SCHEMA = {"type": "string", "maxLength": MAX_KEY, "pattern": "^[!-~]*[!#-~][!-~]*$"}
PRIORITY_SCHEMA = {"type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY}
URL_SCHEMA = {"type": "string", "format": "uri"}
SUBMIT_HEADERS = (
    Plain("Idempotency-Key", "header", "Makes a repeated request answer the first job", KEY_SCHEMA),
    Plain("Job-Priority", "header", "Higher runs first; 0 is usual", PRIORITY_SCHEMA),
    Plain("Job-Callback-Url", "header", "Where a signed webhook tells the end", URL_SCHEMA),
)
# What turns a prediction into a job.
PREFER_SCHEMA = {"type": "string", "examples": ["respond-async", "wait=5"]}
PREFER_WORDS = "respond-async for a job; wait=SECONDS for one if it takes longer"
PREFER = Plain("Prefer", "header", PREFER_WORDS, PREFER_SCHEMA)
AS_JOB: Answer = ("The job that Prefer has made of it; Location says where it is", JSON, "Job")


def trainings(signature: Signature, path: str, verb: str, *, enabled: bool) -> Iterable[Resource]:
    """The endpoints of one verb of a model whose calls are jobs."""
    noun, summary = WORDS[verb]
    name = identifier(signature.name)
    operation: Operation = getattr(signature, verb)
    one: Answer = (f"The {noun}", JSON, "Training")
    errors = CALL if enabled else DISABLED
    found = tuple(sorted({*MODEL, 402, 501, 503}))
    yield Resource(
        f"{path}/{verb}/",
        "post",
        "models",
        f"{summary}; answers at once, the {noun} is a job that survives restarts",
        f"{verb}_{name}",
        errors,
        {200: one} if enabled else {},
        description=ARGUMENT_RULES if operation.arguments else "",
        signature=signature,
        operation=operation,
        plain=SUBMIT_HEADERS,
    )
    listed: dict[int, Answer] = {200: (f"The newest {noun}s, oldest first", JSON, "Trainings")}
    yield Resource(
        f"{path}/{verb}/", "get", "models", f"List every {noun}", f"{verb}_list_{name}", found, listed
    )
    for method, words in (("get", f"How a {noun} is doing"), ("delete", f"Cancel a {noun}")):
        yield Resource(
            f"{path}/{verb}/{{uuid}}",
            method,
            "models",
            words,
            f"{verb}_{method}_{name}",
            found,
            {200: one},
            plain=(UUID,),
        )


def jobs(base: str) -> Iterable[Resource]:
    """`/v2/jobs` and what belongs to one job."""
    place = f"{base}/v2/jobs/{{job}}"

    def get(path: str, words: str, operation_id: str, answer: Answer, *plain: Plain) -> Resource:
        return Resource(path, "get", "jobs", words, operation_id, JOB, {200: answer}, plain=(JOB_ID, *plain))

    errors = tuple(sorted({*BORDER, 422, 503}))
    page: dict[int, Answer] = {200: ("A page of jobs, newest first", JSON, "Jobs")}
    yield Resource(
        f"{base}/v2/jobs", "get", "jobs", "List jobs, newest first", "jobs", errors, page, plain=LIST_QUERY
    )
    job: Answer = ("The job", JSON, "Job")
    yield get(place, "One job", "job", job)
    ends: dict[int, Answer] = {200: ("It has ended", JSON, "Job"), 202: ("It will end soon", JSON, "Job")}
    yield Resource(place, "delete", "jobs", "Cancel a job", "cancel_job", JOB, ends, plain=(JOB_ID,))
    again: dict[int, Answer] = {202: ("It is queued again", JSON, "Job")}
    words = "Queue an interrupted job again"
    conflict = tuple(sorted({*JOB, 409}))
    yield Resource(f"{place}/retry", "post", "jobs", words, "retry_job", conflict, again, plain=(JOB_ID,))
    last = Plain("Last-Event-ID", "header", "Go on after this event", CURSOR_SCHEMA)
    stream: Answer = ("Server-sent events, until the job has ended", EVENTS, None)
    yield get(f"{place}/events", "Follow a job", "job_events", stream, last)
    follow = Plain("follow", "query", "Go on until the job has ended", {"type": "boolean"})
    yield get(f"{place}/log", "What a job printed", "job_log", ("Lines", "text/plain", None), follow)
    form = Plain("format", "query", "csv for a table, as does Accept: text/csv", FORM_SCHEMA)
    series: Answer = ("Each metric's values, in order", JSON, "Metrics")
    most = {"type": "integer", "minimum": 1, "maximum": 10000, "default": 10000}
    paging = (
        Plain("limit", "query", "Values on a page of JSON, at most", most),
        Plain("cursor", "query", "The `next_cursor` of the page before", CURSOR_SCHEMA),
    )
    measured = get(f"{place}/metrics", "What a job measured", "job_metrics", series, form, *paging)
    yield measured._replace(texts=("text/csv",))
    files: Answer = ("The files", JSON, "Artifacts")
    yield get(f"{place}/artifacts/", "The files that a job kept", "job_artifacts", files)
    name = Plain("name", "path", "The file's name, as the list has it", {"type": "string"})
    data: Answer = ("The file", "*/*", None)
    file: dict[int, Answer] = {200: data, 206: PART, 304: UNCHANGED}
    path, words = f"{place}/artifacts/{{name}}", "One file that a job kept"
    ranged = tuple(sorted({*JOB, 416}))
    yield Resource(path, "get", "jobs", words, "job_artifact", ranged, file, plain=(JOB_ID, name))
    result = {**file, 200: ("What it returned, as a prediction would answer", "*/*", None)}
    words = "What a job returned"
    errors = tuple(sorted({*conflict, 416}))
    yield Resource(f"{place}/result", "get", "jobs", words, "job_result", errors, result, plain=(JOB_ID,))
