"""What the model repository takes and answers, as the extension of the Open Inference Protocol has it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from modelport.api.resources.described import Named, words

RepositoryState = Literal["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]


class RepositoryQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to list the repository."""

    ready: Annotated[bool, words("Only what answers")] = False


class RepositoryModel(msgspec.Struct):
    """A version of a model, and how it is doing."""

    name: str
    version: Annotated[str, words("0 is the model as its source has it")]
    state: RepositoryState
    reason: Annotated[str, words("Why it is in this state, where there is more to say")]


INDEX = Named("RepositoryIndex", (list[RepositoryModel],))


class LoadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to load a model. Its configuration and files are what they are: none can be sent."""

    parameters: Annotated[dict[str, Any], words("None that could be done here")] = {}


class UnloadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to unload a model."""

    parameters: Annotated[dict[str, Any], words("unload_dependents can be false only")] = {}
