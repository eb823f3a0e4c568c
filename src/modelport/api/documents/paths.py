"""The resources of the server, as both documents list them. A new endpoint is a new entry here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from modelport.api.documents import arguments as wire
from modelport.api.documents.definitions import identifier
from modelport.api.documents.envelopes import with_envelopes
from modelport.api.documents.job_paths import jobs, trainings
from modelport.api.documents.mlup_paths import RootApi, root_paths
from modelport.api.documents.resource import ARGUMENT_RULES, Answer, Resource, streamed
from modelport.api.documents.resources import (
    BORDER,
    CALL,
    CONNECTION,
    DISABLED,
    FOREIGN_NAME,
    FOREIGN_PAGE,
    MODEL,
)
from modelport.api.documents.run_paths import root_runs, runs
from modelport.api.documents.version_paths import versions
from modelport.contract.signature import JSON, Operation, Signature
from modelport.settings import normal_base_path

LONG = ("train_", "validate_")
MODEL_READY = {200: "The model can answer", 503: "The model cannot answer"}


def resources(
    signatures: Sequence[Signature],
    base_path: str,
    *,
    predict: bool,
    train: bool,
    root: RootApi | None = None,
) -> list[Resource]:
    """Every resource there is, in the order of the documents, each operation id once."""
    base = normal_base_path(base_path)
    found = list(_server(base))
    if root is not None:
        found += root_paths(base, root, signatures if predict else ())
        found += root_runs(base, root, signatures, predict)
    for signature in signatures:
        found += _model(signature, f"{base}/v2/models/{quote(signature.name, safe='')}", predict, train)
    found += jobs(base)
    found.append(_debug(base))
    found = [_with_errors(one, _admission(one)) for one in found]
    if root is not None and root.envelope:
        found = with_envelopes(found, base)
    return _with_own_ids([_with_errors(one, CONNECTION) for one in found])


def implemented(listed: list[Resource]) -> list[Resource]:
    """Those that some model implements: a training or validation that is none answers 501 on each path."""
    idle = [
        one.path
        for one in listed
        if one.operation is not None and not one.operation.implemented and one.operation_id.startswith(LONG)
    ]
    return [one for one in listed if not one.path.startswith(tuple(idle))]


def _server(base: str) -> Iterable[Resource]:
    def get(path: str, tag: str, summary: str, operation_id: str, name: str, **more: Any) -> Resource:
        answers: dict[int, Answer] = {200: (summary, JSON, name)}
        answers |= more.pop("answers", {})
        return Resource(path, "get", tag, summary, operation_id, BORDER, answers, **more)

    yield get(base or "/", "versions", "Get available API versions", "versions", "Versions")
    yield get(f"{base}/v2/", "versions", "Get V2 API version information", "version", "Version")
    yield get(f"{base}/v2/health/live", "health", "Whether the server runs", "live", "Live")
    yield get(
        f"{base}/v2/health/ready",
        "health",
        "Whether every model can answer",
        "ready",
        "Ready",
        answers={503: ("Some model cannot answer", JSON, "Ready")},
    )
    yield get(
        f"{base}/v2/models/",
        "models",
        "Return loaded models and its information",
        "models",
        "ModelList",
        description="Every model of this server with its metadata.",
    )


def _model(signature: Signature, path: str, predict: bool, train: bool) -> Iterable[Resource]:
    name = identifier(signature.name)
    about = signature.metadata.get("description")
    yield Resource(
        f"{path}/",
        "get",
        "models",
        "Return model's metadata",
        f"metadata_{name}",
        MODEL,
        {200: ("Metadata of the model", JSON, "ModelMeta")},
        description=about if isinstance(about, str) else "",
    )
    yield Resource(
        f"{path}/ready",
        "get",
        "health",
        "Whether the model can answer",
        f"ready_{name}",
        MODEL,
        {status: (words, JSON, "ModelReady") for status, words in MODEL_READY.items()},
    )
    yield _call(
        f"{path}/predict/",
        "Make a prediction given the input data",
        f"predict_{name}",
        signature,
        signature.predict,
        enabled=predict,
    )
    if predict and wire.fits_query(signature.predict):
        yield streamed(f"{path}/predict/", f"predict_stream_{name}", signature)
    for verb in ("train", "validate"):
        yield from trainings(signature, path, verb, enabled=train)
    yield from runs(signature, path, predict)
    yield from versions(signature, path, predict)


def _call(
    path: str, summary: str, operation_id: str, signature: Signature, operation: Operation, *, enabled: bool
) -> Resource:
    """The resource that calls one verb of a model."""
    errors = CALL if enabled else DISABLED
    return Resource(
        path,
        "post",
        "models",
        summary,
        operation_id,
        errors,
        {},
        description=ARGUMENT_RULES if operation.arguments else "",
        signature=signature,
        operation=operation,
        succeeds=enabled and operation.implemented,
        may_be_job=enabled and operation.implemented,
    )


def _debug(base: str) -> Resource:
    summary = "Return debug information if enabled by API."
    answers: dict[int, Answer] = {
        200: ("Debug information if debug endpoint is enabled", "text/plain", None),
        204: ("Debug endpoint not enabled", None, None),
    }
    return Resource(f"{base}/v2/debug/", "get", "debug", summary, "debug", BORDER, answers)


def _admission(resource: Resource) -> tuple[int, ...]:
    """The errors of requests that may not come in, but those that the resource answers in its own shape."""
    errors = (FOREIGN_NAME,) if resource.method == "get" else (FOREIGN_PAGE, FOREIGN_NAME)
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
