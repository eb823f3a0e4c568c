"""What the worker needs of a loaded model, whichever contract it was written for."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, NamedTuple, Protocol

from modelport.contract.places import Places
from modelport.contract.signature import Signature


class ObjectBinding(NamedTuple):
    """How a JSON object becomes the arguments of a verb, if it has no other keys than `names`.

    `bind` takes the object and its bytes, and raises `ArgumentErrors`.
    """

    names: Set[str]
    bind: Callable[[dict[str, Any], bytes], dict[str, Any]]


class ServedModel(Protocol):
    """A loaded model behind one of the contracts."""

    signature: Signature

    def setup(self) -> Any:
        """Start what calls need; called once in every process of the model. The result is to be awaited."""
        ...

    def warm(self) -> Any:
        """Prepare the model; called once in every worker before it counts as ready. As `setup`."""
        ...

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        """The keyword arguments for `verb` out of a request. Raises `ArgumentErrors`."""
        ...

    def object_binding(self, verb: str) -> ObjectBinding | None:
        """What `bind` does with a request that has nothing but a JSON object; `None` if that takes more.

        What is bound so is bound by itself, not by `bind_together`.
        """
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
        """The answer, validated by the model's schema: JSON-ready data, or JSON as bytes.

        Raises `AnswerInvalid`. With `allow_nan` the data keeps its NaN and infinities.
        """
        ...

    def check_values(self, value: Any) -> Any:
        """The answer as `check_answer` has it, but as Python's own data, in which arrays stay arrays."""
        ...
