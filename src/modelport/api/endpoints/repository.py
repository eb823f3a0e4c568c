"""The model repository, as the extension of the Open Inference Protocol has it: what there is, (un)load."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Endpoint, data, with_body
from modelport.api.endpoints.statuses import FOUND, SENT
from modelport.api.resources.repository import (
    INDEX,
    LoadRequest,
    RepositoryModel,
    RepositoryQuestion,
    UnloadRequest,
)

TAG = "repository"
MODEL = "/v2/repository/models/{model}"

REPOSITORY = (
    Endpoint(
        "POST", "/v2/repository/index",
        with_body(RepositoryQuestion, lambda on: on.repository.index, optional=True), AccessScope.READ,
        TAG, "repository_index", "Every model and each of its versions that is in memory",
        {200: data("The models, by name", INDEX)}, SENT,
    ),
    Endpoint(
        "POST", f"{MODEL}/unload",
        with_body(UnloadRequest, lambda on: on.repository.unload, optional=True), AccessScope.ADMIN,
        TAG, "unload_model", "Let a model's calls end, then end its workers, which gives their memory back",
        {200: data("The model, without workers", RepositoryModel)}, (*FOUND, *SENT, 409, 503),
        parameters=(of.MODEL,), action="models.unload",
    ),
    Endpoint(
        "POST", f"{MODEL}/load",
        with_body(LoadRequest, lambda on: on.repository.load, optional=True), AccessScope.ADMIN,
        TAG, "load_model", "Load a model that is unloaded or has failed, and wait until it answers",
        {200: data("The model, which answers", RepositoryModel)}, (*FOUND, *SENT, 503),
        parameters=(of.MODEL,), action="models.load",
    ),
)  # fmt: skip
