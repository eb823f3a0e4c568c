"""From what a call has sent to the arguments of the model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

from modelport.contract.calls import Answer, Call
from modelport.contract.errors import BadRequest
from modelport.contract.media_types import best_media_type
from modelport.contract.places import MISSING, Places
from modelport.contract.served import ServedModel
from modelport.contract.signature import JSON, Operation
from modelport.dialects.codecs import codec_of
from modelport.dialects.codecs.object_calls import check_rows
from modelport.worker.cancellation import Terminated
from modelport.worker.frames import Load
from modelport.worker.plain_calls import PlainCalls
from modelport.worker.sent_files import take_sent_files
from modelport.worker.url_inputs import fetch_url_inputs

ACCEPT = "accept"
MAX_SAID = 100  # lines in the log about what requests had in vain: each is said once

log = logging.getLogger("modelport")

Sent = tuple[Call, Places, str]
Bound = tuple[Call, dict[str, Any], str]  # with the media type of the answer


class Binding:
    """Binds the calls of one model. `warn` is told what of a call, by its number, its client is to know."""

    def __init__(self, model: ServedModel, load: Load, warn: Callable[[int, list[str]], None]):
        self.model = model
        self.load = load
        self._warn_client = warn
        self._plain = PlainCalls(model, load)
        self._said: set[tuple[str, str]] = set()

    def bound(self, call: Call) -> tuple[Bound, Operation, bool]:
        """A call with its arguments, what it is for, and whether it is plain. Raises what is wrong."""
        plain = self._plain.bound(call)
        if plain is not None:
            return plain, self.model.signature.predict, True
        operation = self.model.signature.operation(call.verb)
        if call.batch is not None:
            from modelport.worker.batch_jobs.checking import shown_batch  # few workers need it

            return (call, shown_batch(self.model, self.load, self.bound, call), JSON), operation, False
        sent = self._read(call, operation)
        return self._bound(sent, self._arguments(call, sent[1]), operation), operation, False

    def _read(self, call: Call, operation: Operation) -> Sent:
        """What a call has sent, and the media type of its answer."""
        if not operation.implemented:
            name = self.model.signature.name
            raise NotImplementedError(f"Not implemented by underlying model (loaded '{name}')")
        media_type = operation.media_types[0]
        codec = codec_of(call.dialect)
        places = codec.read(call, self.load.json_depth)
        if codec.fit is not None:
            codec.fit(places, self.model.signature)
        wanted = self._wanted(call, places, operation)
        if wanted and operation.accept is None:
            chosen = best_media_type(wanted, operation.media_types)
            if chosen is None and codec.envelope is None and operation.is_listable:
                chosen = best_media_type(wanted, [JSON])  # all of it, as a list
            if chosen is None and codec.envelope is None:
                offered = ", ".join(operation.media_types)
                raise BadRequest(f"cannot answer {wanted[:200]!r}; can answer {offered}", 406)
            media_type = chosen or media_type
        if operation.files:
            take_sent_files(call, operation, places, self.load)
        if self.load.allow_url_inputs and self.model.signature.contract == "typed":
            fetch_url_inputs(call, operation, places, self.load)
        return call, places, media_type

    def _wanted(self, call: Call, places: Places, operation: Operation) -> str:
        """What the answer should be: an argument `accept` stands for the header, which many cannot set.

        Models of DEEPaaS's contract pass over one that they do not have, and an API at the root over any.
        """
        if places.lenient or self.model.signature.contract == "deepaas":
            return call.accept
        given = places.find(ACCEPT)[1]
        if given is MISSING or any(argument.name == ACCEPT for argument in operation.arguments):
            return call.accept
        return ",".join(map(str, cast("list[Any]", given))) if isinstance(given, list) else str(given)

    def _arguments(self, call: Call, places: Places) -> dict[str, Any]:
        try:
            return self.model.bind(call.verb, places)
        finally:
            if places.ignored:
                self._warn(call, places.ignored)

    def _warn(self, call: Call, ignored: list[str]) -> None:
        """Tell the client what of its request was ignored, and the log, which hears everything once."""
        self._warn_client(call.id, ignored)
        for words in ignored:
            if (call.verb, words) not in self._said and len(self._said) < MAX_SAID:
                self._said.add((call.verb, words))
                log.warning("%s: %s", call.verb, words)

    def _bound(self, sent: Sent, arguments: dict[str, Any], operation: Operation) -> Bound:
        call, places, media_type = sent
        places.refuse_unread()
        if self.load.max_rows and codec_of(call.dialect).envelope is not None:
            check_rows(arguments, operation, self.load.max_rows)
        if operation.accept is not None:
            media_type = str(arguments.get(operation.accept.parameter) or media_type)
        return call, arguments, media_type

    def together(
        self, calls: list[Call], answers: list[Answer], failed: Callable[[Call, BaseException], Answer]
    ) -> list[Bound]:
        """The predictions that can be bound; one that cannot fails alone, which goes into `answers`."""
        operation = self.model.signature.predict
        if self._plain.are_there:  # and so are not bound together
            return self._apart(calls, answers, failed)
        sent: list[Sent] = []
        for call in calls:
            try:
                sent.append(self._read(call, operation))
            except Terminated:
                raise
            except Exception as error:  # a request that cannot be read fails alone
                answers.append(failed(call, error))
        together = self.model.bind_together([places for _, places, _ in sent])
        bound: list[Bound] = []
        for number, one in enumerate(sent):
            try:
                arguments = together[number] if together else self._arguments(one[0], one[1])
                bound.append(self._bound(one, arguments, operation))
            except Terminated:
                raise
            except Exception as error:  # and so does one that cannot be bound
                answers.append(failed(one[0], error))
        return bound

    def _apart(
        self, calls: list[Call], answers: list[Answer], failed: Callable[[Call, BaseException], Answer]
    ) -> list[Bound]:
        bound: list[Bound] = []
        for call in calls:
            try:
                bound.append(self.bound(call)[0])
            except Terminated:
                raise
            except Exception as error:  # a request that cannot be read or bound fails alone
                answers.append(failed(call, error))
        return bound
