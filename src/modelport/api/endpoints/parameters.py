"""The parameters of the server's own, that do not belong to a model: in paths, query strings and headers."""

from __future__ import annotations

from typing import Any

from modelport.api.endpoints.row import Parameter
from modelport.api.job_fields import MAX_KEY, MAX_PRIORITY
from modelport.api.job_metrics import MAX_POINTS
from modelport.api.query_values import MAX_CURSOR
from modelport.engine.model_log import KEPT_LINES
from modelport.jobs.records import KINDS
from modelport.jobs.states import State

TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
CURSOR_SCHEMA: dict[str, Any] = {**COUNT, "maximum": MAX_CURSOR}  # to clients it is text


def _most(limit: int, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": limit, **more}


MODEL = Parameter("model", "path", "The model's name", TEXT)
JOB = Parameter("job", "path", "The job's id", TEXT)
TRAINING = Parameter("uuid", "path", "Which one", TEXT)
ARTIFACT = Parameter("name", "path", "The file's name, as the list has it", TEXT)
RUN = Parameter("run_id", "path", "The run's id, or best or live", TEXT)
PARAM = Parameter("param", "path", "The parameter's name", TEXT)
VERSION = Parameter("version", "path", "Its number, or an alias", TEXT)
ALIAS = Parameter("alias", "path", "The alias; live is the version that answers", TEXT)
KEY = Parameter("key", "path", "Its id, the begin of the key, or its name", TEXT)
USER = Parameter("user", "path", "The name of a user, or the id", TEXT)
PREDICTION = Parameter("predict_id", "path", "What /predict answered", TEXT)
NEW_ALIAS = ALIAS._replace(schema={**TEXT, "pattern": "^(?!best$)[A-Za-z][A-Za-z0-9_-]{0,63}$"})

CURSOR = Parameter("cursor", "query", "The next_cursor of the page before", CURSOR_SCHEMA)
LIMIT = Parameter("limit", "query", "At most so many", _most(1000))
OF_USAGE = (
    Parameter("days", "query", "Of so many days, the last of which is today", _most(4000, default=30)),
    Parameter("principal", "query", "Of this one who asks, by the id", TEXT),
    Parameter("model", "query", "Of this model", TEXT),
    LIMIT,
    CURSOR,
)
OF_RUN = Parameter("run_id", "query", "Another run than the live one", TEXT)
FILTER = Parameter("filter", "query", "A part of it, such as overall or class.cat", TEXT)
OF_REPORT = (
    Parameter("window", "query", "How long until now, such as 24h", {**TEXT, "default": "24h"}),
    Parameter("version", "query", "One version alone, by its number or an alias", TEXT),
    Parameter(
        "reference",
        "query",
        "training; or 7d, the time of that length before the window; or FROM/TO, two times of ISO 8601",
        {**TEXT, "default": "training"},
    ),
)
OLDER_THAN = Parameter("older_than", "query", "Only what is older, such as 30d", TEXT)
FOLLOW = Parameter("follow", "query", "Go on until the job has ended", {"type": "boolean"})
REDIRECT = Parameter(
    "redirect",
    "query",
    "Where the server gives links to its store (`files_link_seconds`): answer with one, if the file is large",
    {"type": "boolean"},
)
LAST_EVENT = (
    Parameter("Last-Event-ID", "header", "Go on after this event", CURSOR_SCHEMA),
    Parameter("after", "query", "The same, where no header can be set", CURSOR_SCHEMA),
)
OF_JOBS = (
    Parameter("model", "query", "Only jobs of this model", TEXT),
    Parameter("kind", "query", "Only this kind", {**TEXT, "enum": list(KINDS)}),
    Parameter("state", "query", "Only jobs in this state", {**TEXT, "enum": list(State)}),
    Parameter("limit", "query", "At most so many", _most(500)),
    CURSOR,
)
OF_MODEL_LOG = (
    Parameter("lines", "query", "The last so many", _most(KEPT_LINES, default=200)),
    Parameter("Last-Event-ID", "header", "Go on after this event", TEXT),
    Parameter("after", "query", "The same, where no header can be set", TEXT),
)
OF_METRICS = (
    Parameter(
        "format", "query", "csv for a table, as does Accept: text/csv", {**TEXT, "enum": ["csv", "json"]}
    ),
    Parameter("limit", "query", "Values on a page of JSON, at most", _most(MAX_POINTS, default=MAX_POINTS)),
    Parameter("cursor", "query", "The `next_cursor` of the page before", CURSOR_SCHEMA),
)
OF_RUNS = (
    Parameter("top", "query", "At most so many", _most(1000)),
    Parameter("order_by", "query", "NAME, NAME:max, NAME:min or newest", TEXT),
    CURSOR,
)
KEY_SCHEMA = {**TEXT, "maxLength": MAX_KEY, "pattern": "^[!-~]*[!#-~][!-~]*$"}
PRIORITY_SCHEMA = {"type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY}
SUBMIT = (
    Parameter("Idempotency-Key", "header", "Makes a repeated request answer the first job", KEY_SCHEMA),
    Parameter("Job-Priority", "header", "Higher runs first; 0 is usual", PRIORITY_SCHEMA),
    Parameter(
        "Job-Callback-Url", "header", "Where a signed webhook tells the end", {**TEXT, "format": "uri"}
    ),
)
# What turns a prediction into a job.
PREFER = Parameter(
    "Prefer",
    "header",
    "respond-async for a job; wait=SECONDS for one if it takes longer",
    {**TEXT, "examples": ["respond-async", "wait=5"]},
)
