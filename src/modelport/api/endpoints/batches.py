"""Predictions of many rows by one job."""

from __future__ import annotations

from modelport.api.batch_requests import MAX_CHUNK_ROWS
from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.row import AccessScope, Endpoint, Parameter, data
from modelport.api.endpoints.statuses import STORED
from modelport.contract.calls import ON_ERROR
from modelport.contract.table_forms import OWN_TYPES, TableForm
from modelport.jobs.views import Job

OPTIONS = (
    Parameter(
        "format", "query", "The form of the answer, instead of by Accept; without both that of the rows",
        {**of.TEXT, "enum": list(TableForm)},
    ),
    Parameter(
        "on_error", "query", "keep: a row that fails has its error in its place; fail: it ends the job",
        {**of.TEXT, "enum": list(ON_ERROR), "default": "keep"},
    ),
    Parameter(
        "keep", "query", "Columns of the rows that the answer has, too, separated by commas", of.TEXT
    ),
    Parameter(
        "chunk_rows", "query", "Rows that are predicted at once",
        {"type": "integer", "minimum": 1, "maximum": MAX_CHUNK_ROWS},
    ),
)  # fmt: skip

BATCHES = (
    Endpoint(
        "POST", f"{MODEL}/predict/batch", lambda on: on.batches.begin, AccessScope.PREDICT,
        "jobs", "predict_batch", "Predict the rows of a table, or of JSON Lines, by one job",
        {202: data("The job; Location says where it is", Job)}, STORED, calls="predict",
        parameters=(*OPTIONS, *of.SUBMIT), file_types=tuple(OWN_TYPES.values()),
        description="Arguments that are the same for all rows stand in the query string. An option whose "
        "name is an argument of the model is that argument.",
    ),
)  # fmt: skip
