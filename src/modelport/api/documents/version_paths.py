"""The resources of versions, as both documents list them: aliases, promotions and traffic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelport.api.documents import arguments as wire
from modelport.api.documents.definitions import identifier
from modelport.api.documents.resource import ARGUMENT_RULES, Answer, Plain, Resource, streamed
from modelport.api.documents.resources import CALL, DISABLED, PROBLEM
from modelport.api.documents.run_paths import CURSOR, INVALID, READ, WRITE
from modelport.contract.signature import JSON, Signature

TAG = "model versions"  # "versions" is DEEPaaS's tag for those of the API
CHANGE = tuple(sorted({*WRITE, 413, 415}))
LIMIT = Plain("limit", "query", "At most so many", {"type": "integer", "minimum": 1, "maximum": 1000})
VERSION = Plain("version", "path", "Its number, or an alias", {"type": "string"})
ALIAS = Plain("alias", "path", "The alias; live is the version that answers", {"type": "string"})
NEW_ALIAS = ALIAS._replace(schema={"type": "string", "pattern": "^(?!best$)[A-Za-z][A-Za-z0-9_-]{0,63}$"})
REFUSED: Answer = (
    "It is worse than the live version, or another move is under way",
    PROBLEM,
    "PromotionRefused",
)


def versions(signature: Signature, path: str, predict: bool) -> Iterable[Resource]:
    """The versions of one model, below `path`. `predict` is false where predictions are switched off."""
    paths = _Paths(path, identifier(signature.name))
    yield from _versions(paths)
    yield Resource(
        f"{path}/versions/{{version}}/predict/",
        "post",
        TAG,
        "Make a prediction by one version",
        f"version_predict_{paths.name}",
        CALL if predict else DISABLED,
        {},
        description=ARGUMENT_RULES if signature.predict.arguments else "",
        signature=signature,
        operation=signature.predict,
        succeeds=predict and signature.predict.implemented,
        may_be_job=predict and signature.predict.implemented,
        plain=(VERSION,),
    )
    if predict and wire.fits_query(signature.predict):
        place, name = f"{path}/versions/{{version}}/predict/", f"version_predict_stream_{paths.name}"
        yield streamed(place, name, signature)._replace(tag=TAG, plain=(VERSION,))
    yield from _aliases(paths)
    yield from _live(paths)
    yield from _traffic(paths)


class _Paths:
    """Makes the resources below the path of one model."""

    def __init__(self, path: str, name: str):
        self.path = path
        self.name = name

    def one(
        self, method: str, place: str, words: str, operation: str, answer: Answer, **more: Any
    ) -> Resource:
        """A resource with one good answer: 204 if it has no body, else 200."""
        default = READ if method == "get" else WRITE
        errors = more.pop("errors", default)
        answers: dict[int, Answer] = {204 if answer[1] is None else 200: answer, 422: INVALID}
        answers |= more.pop("answers", {})
        where, operation_id = f"{self.path}/{place}", f"{operation}_{self.name}"
        return Resource(where, method, TAG, words, operation_id, errors, answers, **more)


def _versions(paths: _Paths) -> Iterable[Resource]:
    page: Answer = ("A page of versions, newest first", JSON, "ModelVersions")
    words = "List versions"
    yield paths.one("get", "versions", words, "model_versions", page, plain=(LIMIT, CURSOR))
    version: Answer = ("The version", JSON, "ModelVersion")
    yield paths.one("get", "versions/{version}", "One version", "model_version", version, plain=(VERSION,))


def _aliases(paths: _Paths) -> Iterable[Resource]:
    found: Answer = ("Every alias", JSON, "Aliases")
    yield paths.one("get", "aliases", "The version of each alias", "aliases", found)
    alias: Answer = ("The alias", JSON, "Alias")
    yield paths.one("get", "aliases/{alias}", "The version of an alias", "alias", alias, plain=(ALIAS,))
    yield paths.one(
        "put",
        "aliases/{alias}",
        "Move an alias; moving live makes the version live, if it passes the checks",
        "move_alias",
        ("What was done; of live, with what the checks found", JSON, "AliasMoved"),
        errors=CHANGE,
        answers={409: REFUSED},
        plain=(NEW_ALIAS,),
        body="AliasMove",
    )
    gone: Answer = ("It is removed", None, None)
    errors = tuple(sorted({*WRITE, 409}))
    words = "Remove an alias"
    yield paths.one("delete", "aliases/{alias}", words, "remove_alias", gone, plain=(ALIAS,), errors=errors)


def _live(paths: _Paths) -> Iterable[Resource]:
    done: Answer = ("What was done", JSON, "Promoted")
    errors = tuple(sorted({*WRITE, 409}))
    yield paths.one(
        "post", "rollback", "Make the version live that was so before", "rollback", done, errors=errors
    )
    found: Answer = ("What became live, newest first", JSON, "Promotions")
    words = "Every promotion and rollback, with what the checks found"
    yield paths.one("get", "promotions", words, "promotions", found, plain=(LIMIT,))


def _traffic(paths: _Paths) -> Iterable[Resource]:
    traffic: Answer = ("How calls are spread", JSON, "Traffic")
    yield paths.one("get", "traffic", "How calls are spread over versions", "traffic", traffic)
    yield paths.one(
        "put",
        "traffic",
        "Give versions a share of the calls, or copies of them",
        "spread_traffic",
        traffic,
        errors=CHANGE,
        body="TrafficPlan",
    )
    gone: Answer = ("All calls go to the live version", None, None)
    yield paths.one("delete", "traffic", "Send all calls to the live version", "end_traffic", gone)
