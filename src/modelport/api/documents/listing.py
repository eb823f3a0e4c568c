"""The table of endpoints as both documents list it: for each model, and with what this server leaves on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from modelport.api.documents import arguments as wire
from modelport.api.documents.definitions import identifier
from modelport.api.documents.resource import ARGUMENT_RULES, Answer, Resource
from modelport.api.documents.resources import (
    CONNECTION,
    DESCRIPTION,
    ERRORS,
    FORBIDDEN,
    FOREIGN_NAME,
    TITLE,
    UNKNOWN,
    ErrorAnswer,
    fixed_schemas,
)
from modelport.api.documents.root import RootApi, get_predict_answers, predict_answers, run_predict_answers
from modelport.api.documents.schemas import Schema
from modelport.api.documents.security import Security
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.root import PREDICT_ROOT, TAG
from modelport.api.endpoints.row import AccessScope, Endpoint
from modelport.api.endpoints.statuses import BORDER, CALLED, SWITCHED_OFF
from modelport.api.endpoints.table import ENDPOINTS, OF_ROOT
from modelport.api.resources.described import name_of
from modelport.api.resources.server import Failure
from modelport.contract.signature import CallVerb, Signature
from modelport.problems import PROBLEM_JSON
from modelport.settings import normal_base_path

LONG = ("train_", "validate_")
INVALID: Answer = ("Something in the query or the body does not fit", PROBLEM_JSON, name_of(Failure))


class Served(NamedTuple):
    """What a server says of itself in its documents, beside its models.

    `predict` and `train` are false where the endpoints are disabled and answer 402. `root` is the one-model
    API; `stringify_predictions` says that unwrapped answers are sent as strings, `security` how who
    asks says who they are; `None` where nobody has to.
    """

    base_path: str = ""
    predict: bool = True
    train: bool = True
    root: RootApi | None = None
    stringify_predictions: bool = False
    version: str = "0"
    security: Security | None = None

    @property
    def base(self) -> str:
        """The path below which everything is."""
        return normal_base_path(self.base_path)

    def own_schemas(self, listed: Sequence[Resource]) -> dict[str, Schema]:
        """The schemas of what is no model's."""
        of_root = self.root.spoken.schemas(listed) if self.root is not None else {}
        return fixed_schemas(stringify=self.stringify_predictions) | of_root

    def errors(self) -> list[ErrorAnswer]:
        """Every error that this server has a name for."""
        return list(ERRORS.values())

    def info(self) -> dict[str, str]:
        """Title, version and description."""
        return {"title": TITLE, "version": self.version, "description": DESCRIPTION}


def resources(signatures: Sequence[Signature], served: Served) -> list[Resource]:
    """Every resource there is, in the order of the documents, each operation id once."""
    root = served.root
    found = [_with_errors(one, _admission(one)) for one in _listed(signatures, served)]
    if root is not None:
        found = root.spoken.around(found, served.base)
    return _with_own_ids([_with_errors(one, CONNECTION) for one in found])


def implemented(listed: list[Resource]) -> list[Resource]:
    """Those that some model implements: a training or validation that is none answers 501 on each path."""
    idle = [
        one.path
        for one in listed
        if one.operation is not None and not one.operation.implemented and one.operation_id.startswith(LONG)
    ]
    return [one for one in listed if not one.path.startswith(tuple(idle))]


def _listed(signatures: Sequence[Signature], served: Served) -> Iterable[Resource]:
    at_root = next((one for one in signatures if served.root and one.name == served.root.model), None)
    of_models = [row for row in ENDPOINTS if row.path.startswith(MODEL)]
    for row in ENDPOINTS:
        if row == of_models[0]:
            for signature in signatures:
                yield from _of_model(of_models, signature, served)
        elif row in OF_ROOT:
            if at_root is not None and served.root is not None:
                yield from _of_root(row, at_root, served, served.root)
        elif row.tag and row not in of_models:
            yield _resource(row, served)


def _of_model(rows: Iterable[Endpoint], signature: Signature, served: Served) -> Iterable[Resource]:
    place = MODEL.replace("{model}", quote(signature.name, safe=""))
    for row in rows:
        listed = _resource(row, served)
        path = listed.path.replace(MODEL, place, 1)
        listed = listed._replace(path=path, operation_id=f"{row.name}_{identifier(signature.name)}")
        if row.calls:
            enabled = served.train if row.calls in ("train", "validate") else served.predict
            if row.method == "POST" or (enabled and wire.fits_query(signature.operation(row.calls))):
                yield _call(listed, row, row.calls, signature, enabled=enabled)
        elif row.name == "metadata":
            about = signature.metadata.get("description")
            yield listed._replace(description=about if isinstance(about, str) else "")
        else:
            yield listed


def _call(
    listed: Resource, row: Endpoint, verb: CallVerb, signature: Signature, *, enabled: bool
) -> Resource:
    """A resource that calls a verb of a model."""
    operation = signature.operation(verb)
    if row.file_types:
        errors = CALLED if enabled else SWITCHED_OFF
        theirs = {argument.name for argument in wire.in_query(operation)}
        return _with_errors(listed, errors)._replace(
            answers=listed.answers if enabled else {},
            plain=tuple(one for one in row.parameters if one.place != "query" or one.name not in theirs),
            file_types=row.file_types,
        )
    predicts = enabled and operation.implemented and verb == "predict"
    rules = ARGUMENT_RULES if operation.arguments and row.method == "POST" else row.description
    errors = CALLED if enabled or row.method == "GET" else SWITCHED_OFF
    return _with_errors(listed, errors)._replace(
        answers=listed.answers if enabled else {},
        description=rules,
        signature=signature,
        operation=operation,
        succeeds=predicts,
        may_be_job=predicts and row.method == "POST",
    )


def _of_root(row: Endpoint, signature: Signature, served: Served, root: RootApi) -> Iterable[Resource]:
    """A resource at the root, whose predictions are answered in the words of the dialect there."""
    listed = _resource(row, served)
    if row.tag == TAG:
        listed = listed._replace(tag=root.spoken.tag)
    if row.name == "get_predict":
        if root.is_long and served.predict:
            yield listed._replace(answers=get_predict_answers(root))
    elif row.calls:
        own = predict_answers(root)
        if row is not PREDICT_ROOT:
            own = run_predict_answers(root, enabled=served.predict)
            listed = _with_errors(listed, (402, 404, 503, 504, 507))
        elif not served.predict:
            del own[200]
        yield listed._replace(answers=own, signature=signature, operation=signature.predict)
    else:
        yield listed


def _resource(row: Endpoint, served: Served) -> Resource:
    """What a row says by itself."""
    answers: dict[int, Answer] = {
        status: (answer.words, answer.media_type, name_of(answer.type) if answer.type else None)
        for status, answer in row.answers.items()
    }
    if not row.is_lenient and not row.calls:
        answers.setdefault(422, INVALID)
    path = re.sub(r"{(\w+):path}", r"{\1}", row.path)
    return Resource(
        served.base + path if path != "/" else served.base or "/",
        row.method.lower(),
        row.tag,
        row.summary,
        row.name,
        () if row is PREDICT_ROOT else tuple(sorted({*BORDER, *row.errors})),
        answers,
        description=row.description,
        plain=row.parameters,
        body=name_of(row.body) if row.body else None,
        needs_body=row.needs_body,
        takes_form=row.takes_form,
        texts=row.answers[200].others if 200 in row.answers else (),
        needs_key=served.security is not None and row.scope is not AccessScope.OPEN,
    )


def _admission(resource: Resource) -> tuple[int, ...]:
    """The errors of requests that may not come in, but those that the resource answers in its own shape."""
    errors = (FOREIGN_NAME,) if resource.method == "get" else (FORBIDDEN, FOREIGN_NAME)
    errors += (UNKNOWN, FORBIDDEN) if resource.needs_key else ()
    return tuple(error for error in errors if error not in resource.answers)


def _with_errors(resource: Resource, errors: tuple[int, ...]) -> Resource:
    return resource._replace(errors=tuple(sorted({*resource.errors, *errors})))


def _with_own_ids(found: list[Resource]) -> list[Resource]:
    taken: set[str] = set()
    result: list[Resource] = []
    for resource in found:
        operation_id, number = resource.operation_id, 2
        while operation_id in taken:
            operation_id = f"{resource.operation_id}_{number}"
            number += 1
        taken.add(operation_id)
        result.append(resource._replace(operation_id=operation_id))
    return result
