"""One entry of the documents: a method on a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modelport.api.endpoints.row import Parameter
from modelport.api.resources.described import name_of
from modelport.contract.signature import JSON, Operation, Signature
from modelport.jobs.views import Job

Answer = tuple[str, str | None, str | None]  # words, media type, name of the schema
AS_JOB: Answer = ("The job that Prefer has made of it; Location says where it is", JSON, name_of(Job))
ARGUMENT_RULES = (
    "An argument may stand in the query string, in a form or in a JSON body; places can be mixed, and the "
    "first of these that has an argument wins."
)


class Resource(NamedTuple):
    """One method on one path.

    `answers` are the fixed answers by status. `operation` is set where a model is called: its arguments
    are asked for, and its answer is given with 200 if `succeeds`. `plain` are the server's own parameters,
    `body` the name of the schema of a JSON body that is no model's. `may_be_job` is set where a header of
    the request turns the call into a job. `texts` are the media types of other forms
    of its 200. The body is a file of the media types `file_types`, if there are any. With `needs_key` it
    answers who has a key; a form may come in the place of the JSON body if it `takes_form`.
    """

    path: str
    method: str
    tag: str
    summary: str
    operation_id: str
    errors: Sequence[int]
    answers: dict[int, Answer]
    description: str = ""
    signature: Signature | None = None
    operation: Operation | None = None
    succeeds: bool = False
    plain: Sequence[Parameter] = ()
    body: str | None = None
    needs_body: bool = False
    may_be_job: bool = False
    texts: Sequence[str] = ()
    file_types: Sequence[str] = ()
    needs_key: bool = False
    takes_form: bool = False
