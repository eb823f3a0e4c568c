"""What a model that embeds has given, as the answer of `/v1/embeddings`."""

from __future__ import annotations

import base64
from typing import Any, cast

from modelport.contract.calls import Tokens
from modelport.contract.written import Usage
from modelport.dialects.openai.pieces import tokens_of
from modelport.dialects.openai.requests import Asked


def vectors_answer(asked: Asked, value: Any, texts: int) -> tuple[dict[str, Any], Tokens]:
    """The vectors of so many texts, and the tokens of these; with `(vectors, usage)` their tokens, too.

    Raises `ValueError` and `TypeError` for what are no vectors.
    """
    usage: Usage | None = None
    if isinstance(value, tuple) and len(cast("Any", value)) == 2 and isinstance(value[1], Usage):
        value, usage = cast("tuple[Any, Usage]", value)
    rows = _rows(value)
    if len(rows) != texts:
        raise ValueError(f"{texts} texts were to be embedded, and {len(rows)} vectors came")
    if asked.dimensions and rows.shape[1] != asked.dimensions:
        words = f"vectors of {asked.dimensions} numbers were asked for, and they have {rows.shape[1]}"
        raise ValueError(words)
    write = _base64 if asked.is_base64 else _numbers
    data = [{"object": "embedding", "index": at, "embedding": write(row)} for at, row in enumerate(rows)]
    told = None
    if usage is not None:
        told = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    return {"object": "list", "data": data, "model": asked.model, "usage": told}, tokens_of(usage)


def _rows(value: Any) -> Any:
    """A matrix of finite numbers, a row for each text."""
    import numpy  # whoever embeds has it

    if hasattr(value, "detach"):  # a tensor, perhaps with its gradient, perhaps elsewhere
        value = value.detach().cpu().float()
    rows = numpy.asarray(value, dtype=numpy.float32)
    if rows.ndim != 2:
        raise ValueError(f"the vectors of texts must have two axes, [texts, numbers], and have {rows.ndim}")
    if not numpy.isfinite(rows).all():
        raise ValueError("a vector has numbers that are not finite")
    return rows


def _base64(row: Any) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def _numbers(row: Any) -> list[float]:
    return row.tolist()
