"""The tools of a server: a prediction of each model, its trainings, and what has become of those.

A tool's name is what assistants can write, `predict_` or `train_` and the model's, whatever that is made of;
no two have the same. It says in JSON Schema what it takes and gives, as the documents of the API do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote, urlencode

from modelport.contract.signature import JSON, Argument, Operation, Signature, VerbName
from modelport.dialects.mcp.server.forms import WrongArgument, multipart
from modelport.dialects.mcp.server.own_requests import Asked
from modelport.engine.ports import Engine
from modelport.identity.principals import AccessScope, Principal
from modelport.jobs.service import JobService
from modelport.settings import Settings

if TYPE_CHECKING:
    from modelport.api.documents.definitions import Scope

MOST_NAME = 64  # characters, which the assistants of several makers take
NDJSON = "application/x-ndjson"
Schema = dict[str, Any]
PREDICT, READ, TRAIN = AccessScope.PREDICT, AccessScope.READ, AccessScope.TRAIN
SCOPES: dict[VerbName, AccessScope] = {"predict": PREDICT, "train": TRAIN, "validate": TRAIN}
WORDS: dict[VerbName, str] = {
    "predict": "Ask the model {name} for a prediction.",
    "train": "Begin a training of the model {name}. It is a job, whose id is answered at once.",
    "validate": "Begin a validation of the model {name}. It is a job, whose id is answered at once.",
}
JOB_ID: Schema = {"type": "string", "description": "The id of the job, its uuid"}
ALL: Schema = {"type": "object", "additionalProperties": True}


class Tool(NamedTuple):
    """A tool, and which request it is. With `lines` its answer is a list, which comes line by line."""

    name: str
    title: str
    description: str
    takes: Schema
    gives: Schema | None
    scopes: tuple[AccessScope, ...]
    model: str | None
    is_reading: bool
    ask: Callable[[dict[str, Any]], Asked]
    lines: bool = False

    def is_for(self, by: Principal) -> bool:
        """Whether somebody may use it."""
        return any(by.may(scope, self.model) for scope in self.scopes)


class Toolbox:
    """The tools of one application."""

    def __init__(self, engine: Engine, jobs: JobService, settings: Settings):
        self._engine = engine
        self._jobs = jobs
        self._settings = settings
        self._names = named((verb, source.name) for source in engine.sources for verb in SCOPES)
        self._made: dict[str, tuple[Signature, list[Tool]]] = {}

    def of(self, by: Principal) -> list[Tool]:
        """Those that somebody may use."""
        tools = [tool for name in self._engine.pools for tool in self._of_model(name)]
        if not self._jobs.unavailable:
            tools += OF_JOBS
        return [tool for tool in tools if tool.is_for(by)]

    def _of_model(self, name: str) -> list[Tool]:
        signature = self._engine.pools[name].signature
        if signature is None:
            return []
        made = self._made.get(name)
        if made is None or made[0] is not signature:
            made = self._made[name] = (signature, list(self._tools(signature)))
        return made[1]

    def _tools(self, signature: Signature) -> Iterator[Tool]:
        settings = self._settings
        for verb, scope in SCOPES.items():
            operation = signature.operation(verb)
            is_on = settings.predict_endpoint if verb == "predict" else settings.train_endpoint
            if operation.implemented and is_on:
                yield self._tool(verb, scope, operation, signature)

    def _tool(self, verb: VerbName, scope: AccessScope, operation: Operation, signature: Signature) -> Tool:
        predicts = verb == "predict"
        about = signature.metadata.get("description")
        words = [about] if isinstance(about, str) else []
        return Tool(
            self._names[verb, signature.name],
            f"{signature.name}: {verb}",
            "\n\n".join([WORDS[verb].format(name=signature.name), *words]),
            takes_of(operation, signature),
            gives_of(operation, signature) if predicts else ALL,
            (scope,),
            signature.name,
            predicts,
            partial(_of_model, signature.name, verb, operation),
            lines=predicts and operation.is_listable,
        )


def named(wanted: Iterable[tuple[VerbName, str]]) -> dict[tuple[VerbName, str], str]:
    """A name for each tool of a verb and a model, which no other has."""
    names: dict[tuple[VerbName, str], str] = {}
    taken = {tool.name for tool in OF_JOBS}
    for verb, model in wanted:
        name = first = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{verb}_{model}")[:MOST_NAME]
        number = 2
        while name in taken:
            name = f"{first[: MOST_NAME - 1 - len(str(number))]}_{number}"
            number += 1
        taken.add(name)
        names[verb, model] = name
    return names


def takes_of(operation: Operation, signature: Signature) -> Schema:
    """What a tool takes: the arguments of a verb."""
    from modelport.api.documents.arguments import described_in_json

    scope = _scope_of(signature)
    arguments = [one for one in operation.arguments if one.kind != "accept"]
    result: Schema = {
        "type": "object",
        "properties": {one.name: scope.convert(described_in_json(one)) for one in arguments},
        "additionalProperties": False,
    }
    required = [one.name for one in arguments if one.required]
    return result | _filled(required=required) | _filled(**{"$defs": scope.definitions.schemas})


def gives_of(operation: Operation, signature: Signature) -> Schema | None:
    """What a tool gives, an object; `None` if that is not known, or no JSON."""
    if operation.answer is None or operation.wrapped or operation.streams:
        return None
    scope = _scope_of(signature)
    schema = scope.convert(operation.answer)
    found, _ = scope.resolved(operation.answer)
    if isinstance(found, bool) or found.get("type") != "object":
        schema = {"properties": {RESULT: schema}, "required": [RESULT]}
    return {"type": "object"} | schema | _filled(**{"$defs": scope.definitions.schemas})


def _scope_of(signature: Signature) -> Scope:
    """Where the schemas of one tool refer to: to definitions of its own."""
    from modelport.api.documents.definitions import Definitions, Scope
    from modelport.api.documents.openapi import convert

    return Scope(Definitions("#/$defs/"), signature.name, signature.definitions, convert)


RESULT = "result"  # under which an answer stands that is no object


def _filled(**parts: Any) -> Schema:
    return {name: part for name, part in parts.items() if part}


def _of_model(model: str, verb: VerbName, operation: Operation, given: dict[str, Any]) -> Asked:
    """The request that calls a verb: with JSON, unless an argument can only stand elsewhere."""
    path = f"/v2/models/{quote(model, safe='')}/{verb}"
    known = {one.name: one for one in operation.arguments}
    accept = f"{JSON}, */*;q=0.1" if not operation.is_listable or verb != "predict" else NDJSON
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {"accept": accept}
    body: dict[str, Any] = {}
    for name, value in given.items():
        place = known[name].location if name in known else "any"
        if place == "query":
            query.append((name, _text(value)))
        elif place == "headers":
            headers[name.lower()] = _text(value)
        else:
            body[name] = value
    files = [one for one in operation.uploads if one.name in body]
    if files and not operation.takes_base64:
        content_type, content = _form(body, files)
    else:
        content_type, content = JSON, json.dumps(body).encode()
    headers["content-type"] = content_type
    return Asked("POST", path, urlencode(query).encode(), headers, content)


def _form(body: dict[str, Any], files: list[Argument]) -> tuple[str, bytes]:
    names = {one.name for one in files}
    fields = {name: _text(value) for name, value in body.items() if name not in names}
    sent = {
        name: cast("list[Any]", value) if isinstance(value, list) else [value]
        for name, value in body.items()
        if name in names
    }
    return multipart(fields, sent)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _of_job(method: str, part: str, given: dict[str, Any]) -> Asked:
    job = str(given.get("job", ""))
    if given.keys() != {"job"} or not re.fullmatch(r"[0-9A-Za-z-]{1,64}", job):
        raise WrongArgument(
            "job: the id of a job is needed, as train_… and list_jobs give it, and nothing else"
        )
    return Asked(method, f"/v2/jobs/{job}{part}")


def _jobs(given: dict[str, Any]) -> Asked:
    return Asked("GET", "/v2/jobs", urlencode({name: _text(one) for name, one in given.items()}).encode())


def _about_job(name: str, title: str, words: str, ask: Callable[[dict[str, Any]], Asked]) -> Tool:
    takes: Schema = {
        "type": "object", "properties": {"job": JOB_ID}, "required": ["job"], "additionalProperties": False
    }  # fmt: skip
    is_reading = name != "cancel_job"
    scopes = (READ, TRAIN) if is_reading else (TRAIN,)
    return Tool(name, title, words, takes, None, scopes, None, is_reading, ask)


OF_JOBS = (
    Tool(
        "list_jobs", "Jobs", "List jobs, such as trainings, newest first, with their states.",
        {
            "type": "object",
            "properties": {
                "model": {"type": "string", "description": "Only those of this model"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
            },
            "additionalProperties": False,
        },
        None, (READ, TRAIN), None, True, _jobs,
    ),
    _about_job(
        "job_status", "Status of a job", "How a job is doing: its state, progress and error.",
        partial(_of_job, "GET", ""),
    ),
    _about_job(
        "job_result", "Result of a job", "What a job has returned, once its state is succeeded.",
        partial(_of_job, "GET", "/result"),
    ),
    _about_job("cancel_job", "Cancel a job", "Cancel a job.", partial(_of_job, "DELETE", "")),
)  # fmt: skip
