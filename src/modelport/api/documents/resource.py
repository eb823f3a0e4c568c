"""One entry of the documents: a method on a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from modelport.api.documents.resources import CALL
from modelport.contract.signature import Operation, Signature

Answer = tuple[str, str | None, str | None]  # words, media type, name of the schema
ARGUMENT_RULES = (
    "An argument may stand in the query string, in a form or in a JSON body; places can be mixed, and the "
    "first of these that has an argument wins."
)

CURSOR_SCHEMA = {
    "type": "integer",
    "minimum": 0,
    "maximum": 1 << 62,
}  # to clients it is text


class Plain(NamedTuple):
    """A parameter that belongs to the server, not to a model. `place` is path, query or header."""

    name: str
    place: str
    words: str
    schema: dict[str, Any]


class Resource(NamedTuple):
    """One method on one path.

    `answers` are the fixed answers by status. `operation` is set where a model is called: its arguments
    are asked for, and its answer is given with 200 if `succeeds`. `plain` are the server's own parameters,
    `body` the name of the schema of a JSON body that is no model's. `may_be_job` is set where a header of
    the request turns the call into a job. `texts` are the media types of other forms
    of its 200.
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
    plain: Sequence[Plain] = ()
    body: str | None = None
    may_be_job: bool = False
    texts: Sequence[str] = ()


def streamed(path: str, operation_id: str, signature: Signature) -> Resource:
    """The prediction by GET of a model that streams."""
    return Resource(
        path,
        "get",
        "models",
        "Stream a prediction, for an EventSource",
        operation_id,
        CALL,
        {204: ("The stream that an EventSource asks for again has ended", None, None)},
        description="The arguments stand in the query string. A stream of events ends with an event `end`.",
        signature=signature,
        operation=signature.predict,
        succeeds=True,
    )
