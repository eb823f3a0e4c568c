"""What the generate extension says over HTTP, as types for the API documents."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.api.resources.described import words


class GenerateRequest(msgspec.Struct, omit_defaults=True):
    """A request, beside whose members any argument of the model may stand."""

    text_input: Annotated[str, words("What the first argument that is a text gets, whatever its name")] = ""
    id: Annotated[str, words("It comes back with the answer")] = ""
    parameters: Annotated[dict[str, Any], words("Further arguments of the model")] = {}


class GenerateResponse(msgspec.Struct, omit_defaults=True):
    """An answer, or a part of one. The members of an answer that is an object stand beside these."""

    model_name: str
    model_version: str = ""
    id: str = ""
    text_output: Annotated[str, words("What is a text")] = ""
    output: Annotated[Any, words("What is neither a text nor an object")] = None
