"""What the worker needs of a loaded model, whichever contract it was written for."""

from __future__ import annotations

from typing import Any, Protocol

from modelport.contract.places import Places
from modelport.contract.signature import Signature


class ServedModel(Protocol):
    """A loaded model behind one of the contracts."""

    signature: Signature

    def warm(self) -> None:
        """Prepare the model; called once in every worker before it counts as ready."""
        ...

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        """The keyword arguments for `verb` out of a request. Raises `ArgumentErrors`."""
        ...

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        """The arguments of several predictions, read at once; `None` if each is to be bound by itself.

        What `bind` would not take, or would take otherwise, is not read at once. Raises nothing.
        """
        ...

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """Run the verb. Raises whatever the model raises, `NotImplementedError` if it has none."""
        ...

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        """Predict several calls at once: one result each, in order; an exception as result fails alone."""
        ...

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        """The answer, validated by the model's schema, as JSON-ready data. Raises `AnswerInvalid`.

        With `allow_nan` the data keeps its NaN and infinities.
        """
        ...
