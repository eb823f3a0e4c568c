"""A model of arrays that chats, completes or embeds as well: by functions with hints, as of typed models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs

from modelport.contract.places import Places
from modelport.contract.served import ObjectBinding, ServedModel
from modelport.contract.signature import TextVerbName
from modelport.contract.text_verbs import text_operation
from modelport.contract.verb import Verb


class WithTextVerbs:
    """A served model, and its functions for verbs of text."""

    def __init__(self, served: ServedModel, functions: Mapping[TextVerbName, Callable[..., Any]]):
        self._served = served
        definitions = dict(served.signature.definitions)
        self._verbs: dict[str, Verb] = {
            verb: Verb(function, verb, definitions) for verb, function in functions.items()
        }
        own: dict[str, Any] = {verb: text_operation(one) for verb, one in self._verbs.items()}
        self.signature = structs.replace(served.signature, definitions=definitions, **own)

    def setup(self) -> Any:
        """See `ServedModel`."""
        return self._served.setup()

    def warm(self) -> Any:
        """See `ServedModel`."""
        return self._served.warm()

    def bind(self, verb: str, places: Places) -> dict[str, Any]:
        """See `ServedModel`."""
        found = self._verbs.get(verb)
        return self._served.bind(verb, places) if found is None else found.bind(places)

    def object_binding(self, verb: str) -> ObjectBinding | None:
        """See `ServedModel`."""
        found = self._verbs.get(verb)
        return self._served.object_binding(verb) if found is None else found.object_binding()

    def bind_together(self, several: list[Places]) -> list[dict[str, Any]] | None:
        """See `ServedModel`; these are predictions."""
        return self._served.bind_together(several)

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """See `ServedModel`."""
        found = self._verbs.get(verb)
        return self._served.call(verb, arguments) if found is None else found.function(**arguments)

    def call_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        """See `ServedModel`."""
        return self._served.call_batch(calls)

    def check_answer(self, value: Any, allow_nan: bool = False) -> Any:
        """See `ServedModel`."""
        return self._served.check_answer(value, allow_nan)

    def check_values(self, value: Any) -> Any:
        """See `ServedModel`."""
        return self._served.check_values(value)
