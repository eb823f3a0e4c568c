"""The bodies of answers as DEEPaaS has them: the API, models, and trainings, which are jobs here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelport.api.resources.described import Named, words
from modelport.dialects.oip.described import TensorMetadata
from modelport.jobs.records import Job
from modelport.jobs.states import State


class Location(msgspec.Struct):
    rel: str
    href: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
    type: str | UnsetType = UNSET


class Version(msgspec.Struct):
    """A version of the API."""

    id: str
    version: str
    type: str | UnsetType = UNSET
    links: list[Location] | UnsetType = UNSET
    name: Annotated[str | UnsetType, words("Server name")] = UNSET
    extensions: Annotated[list[str] | UnsetType, words("Protocol extensions")] = UNSET


class Versions(msgspec.Struct):
    versions: list[Version]
    links: list[Location] | UnsetType = UNSET


class ModelMeta(msgspec.Struct):
    """A model as it describes itself; it may say more."""

    id: Annotated[str, words("Model identifier")]
    name: Annotated[str, words("Model name")]
    description: Annotated[str | UnsetType | None, words("Model description")] = UNSET
    license: Annotated[str | UnsetType | None, words("Model license")] = UNSET
    author: Annotated[Any, words("Model author")] = UNSET
    version: Annotated[str | UnsetType | None, words("Model version")] = UNSET
    url: Annotated[str | UnsetType | None, words("Model url")] = UNSET
    links: list[Location] | UnsetType = UNSET
    versions: Annotated[list[str] | UnsetType, words("Those in memory")] = UNSET
    platform: Annotated[str | UnsetType, words("What runs the model")] = UNSET
    inputs: Annotated[list[TensorMetadata] | UnsetType, words("The tensors that it takes")] = UNSET
    outputs: Annotated[list[TensorMetadata] | UnsetType, words("The tensors that it gives")] = UNSET


class ModelList(msgspec.Struct):
    models: list[ModelMeta]


class TrainingResult(msgspec.Struct):
    """What came of a training, in DEEPaaS's words."""

    output: Annotated[Any, words("What the function returned")]
    finish_date: str
    duration: str


class Training(msgspec.Struct):
    """A training or validation, as DEEPaaS shows it."""

    date: Annotated[str, words("When it was asked for, in the server's local time")]
    args: Annotated[dict[str, Any], words("The arguments; files by name and media type")]
    uuid: Annotated[str, words("Its id, also among the jobs")]
    status: Literal["running", "done", "error", "cancelled"]
    result: TrainingResult | UnsetType = UNSET
    message: Annotated[str | UnsetType, words("What went wrong")] = UNSET


TRAININGS = Named("Trainings", (list[Training],))


# DEEPaaS has four words; source: its recorded exchanges.
DEEPAAS_STATUS = {
    State.QUEUED: "running",
    State.RUNNING: "running",
    State.SUCCEEDED: "done",
    State.FAILED: "error",
    State.INTERRUPTED: "error",
    State.CANCELLED: "cancelled",
}


def training_body(job: Job) -> dict[str, Any]:
    """A training as DEEPaaS shows it: its local times, its words, the answer of train() as it was.

    That answer is JSON already, perhaps with the NaN that only msgspec's encoder lets through.
    """
    body: dict[str, Any] = {
        "date": _local(job.created_at),
        "args": job.arguments,
        "uuid": job.id,
        "status": _status(job),
    }
    outcome = job.outcome
    if job.state is State.SUCCEEDED and outcome is not None:
        started = job.started_at or job.created_at
        finished = job.finished_at or started
        body["result"] = {
            "output": msgspec.Raw(outcome.result) if outcome.result else None,
            "finish_date": _local(finished),
            "duration": str(timedelta(seconds=max(finished - started, 0.0))),
        }
    elif job.state in (State.FAILED, State.INTERRUPTED):
        body["message"] = outcome.error if outcome is not None and outcome.error else f"{job.state}"
    return body


def _status(job: Job) -> str:
    if job.cancel_requested and job.state is State.RUNNING:
        return "cancelled"  # DEEPaaS's clients know no word for what is about to be
    return DEEPAAS_STATUS[job.state]


def _local(at: float) -> str:
    return str(datetime.fromtimestamp(at))
