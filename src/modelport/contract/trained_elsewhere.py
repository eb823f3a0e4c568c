"""A model file that a training has saved: the file predicts, the code that trained it trains again."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from modelport.contract.places import Places
from modelport.contract.served import ObjectBinding, ServedModel


class TrainedElsewhere:
    """A served model whose trainings are those of other code."""

    def __init__(self, saved: ServedModel, code: ServedModel):
        self.saved = saved
        self._code = code
        own, others = saved.signature, code.signature
        self.signature = structs.replace(
            own,
            train=others.train,
            resumable=others.resumable,
            settings=others.settings | own.settings,
            definitions=others.definitions | own.definitions,
        )

    def _of(self, verb: str) -> ServedModel:
        return self._code if verb == "train" else self.saved

    def setup(self) -> Any:
        """Only what predicts: a training has a process of its own, with the code alone."""
        return self.saved.setup()

    def warm(self) -> Any:
        """As `setup`."""
        return self.saved.warm()

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        """See `ServedModel`."""
        return self._of(verb).bind(verb, places)

    def object_binding(self, verb: str) -> ObjectBinding | None:
        """See `ServedModel`."""
        return self._of(verb).object_binding(verb)

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        """See `ServedModel`; these are predictions."""
        return self.saved.bind_together(several)

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """See `ServedModel`."""
        return self._of(verb).call(verb, arguments)

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        """See `ServedModel`."""
        return self.saved.call_batch(calls)

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        """See `ServedModel`."""
        return self.saved.check_answer(value, allow_nan)

    def check_values(self, value: Any) -> Any:
        """See `ServedModel`."""
        return self.saved.check_values(value)
