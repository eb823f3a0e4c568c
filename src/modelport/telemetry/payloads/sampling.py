"""Which predictions are kept, and what is held of one on its way: all that happens on the event loop.

Whether one is kept is decided before anything is done for it, by how many are to pass until the next: that is
geometrically distributed, which is the same as tossing for each (Vitter, 1984). One that is not kept costs a
subtraction. Of one that is kept, references are held to its call and its answer, and a thread does the rest.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, time
from typing import NamedTuple, Protocol

from modelport.contract.calls import Answer, Call, Upload
from modelport.contract.table_forms import form_of_file, form_of_media_type
from modelport.engine.pending import Deliver, Pending
from modelport.telemetry.payloads.messages import Sample, SentFile

MOST_FILES = 8  # of a request whose content may be kept


def gap(share: float) -> int:
    """How many calls to go to the next one that is kept, from 1, if each is with this probability."""
    if share >= 1:
        return 1
    return 1 + math.floor(math.log(1.0 - random.random()) / math.log1p(-share))


class OpenFile(NamedTuple):
    """A file of a request that is being answered. `descriptor` is -1 if its content is not to be kept."""

    field: str
    name: str
    content_type: str
    size: int
    descriptor: int

    def sent(self) -> SentFile:
        """It with its content. Closes it. Raises nothing: what cannot be read has no content."""
        content = None
        if self.descriptor >= 0:
            try:
                content = os.pread(self.descriptor, self.size, 0)
            except OSError:
                content = None
            os.close(self.descriptor)
        return SentFile(self.field, self.name, self.content_type, self.size, content)


class Rules(NamedTuple):
    """What is kept of a model's predictions: its version, what is hidden, the most bytes of a part."""

    model: str
    version: int | None
    hide: Sequence[str]
    most: int


class Taken:
    """A prediction that is kept, between its call and its answer."""

    __slots__ = ("answer", "at", "body", "call", "files", "request_id", "rules", "seconds")

    def __init__(self, call: Call, request_id: str, rules: Rules):
        self.call = call
        self.request_id = request_id
        self.rules = rules
        self.at = time()
        self.seconds = perf_counter()  # since when, until there is an answer
        self.body = call.body if not rules.most or len(call.body) <= rules.most else None
        self.files: list[OpenFile] = []
        self.answer: Answer | None = None

    @property
    def held(self) -> int:
        """Bytes that it holds in memory."""
        answer = self.answer
        return len(self.body or b"") + (0 if answer is None else len(answer.body)) + 1000

    def open_files(self, room: int) -> int:
        """Open the files of its request, at most so many, before they are gone; returns how many are open."""
        if self.call.uploads or self.call.body_path:
            self.files = _opened(self.call, self.rules.most, room)
        return self.files_open

    @property
    def files_open(self) -> int:
        return sum(file.descriptor >= 0 for file in self.files)

    def let_go(self) -> None:
        """It is not kept after all."""
        for file in self.files:
            if file.descriptor >= 0:
                os.close(file.descriptor)
        self.files = []

    def end(self, answer: Answer) -> None:
        """It is answered."""
        self.seconds = perf_counter() - self.seconds
        self.answer = answer

    def sample(self) -> Sample:
        """It for the keeper. Closes its files."""
        call, answer, most = self.call, self.answer, self.rules.most
        assert answer is not None
        files = [file.sent() for file in self.files]
        self.files = []
        left_out = "it is a stream" if answer.stream else "it is a file" if answer.path else ""
        if answer.problem:
            left_out = answer.detail if not self.rules.hide else "its words may repeat what was sent"
        is_kept = not left_out and (not most or len(answer.body) <= most)
        return Sample(
            at=self.at,
            model=self.rules.model,
            version=self.rules.version,
            verb=call.verb,
            dialect=call.dialect,
            request_id=self.request_id,
            by=call.by,
            status=answer.status,
            seconds=self.seconds,
            query=call.query,
            content_type=call.content_type,
            body=self.body,
            body_size=len(call.body),
            fields=call.fields if not most or call.size - len(call.body) <= most else [],
            files=files,
            answer_type=answer.content_type,
            answer=answer.body if is_kept else None,
            answer_size=len(answer.body),
            left_out=left_out,
            hide=self.rules.hide,
        )


def _opened(call: Call, most: int, room: int) -> list[OpenFile]:
    """The files of a request; `room` of them are open at most, if their content may be kept."""
    sent = list(call.uploads)
    if call.body_path:
        sent.append(Upload("", call.body_path, "", call.content_type))
    found: list[OpenFile] = []
    for file in sent:
        try:
            size = Path(file.path).stat().st_size
            wanted = len(found) < min(MOST_FILES, room) and (not most or size <= most) and _may_be_read(file)
            descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC) if wanted else -1
        except OSError:
            size, descriptor = 0, -1
        found.append(OpenFile(file.field, file.filename, file.content_type, size, descriptor))
    return found


def _may_be_read(file: Upload) -> bool:
    """Whether it is a table or JSON, by what is said of it."""
    is_named = form_of_file(Path(file.filename)) is not None or file.filename.lower().endswith(".json")
    return is_named or "json" in file.content_type or form_of_media_type(file.content_type) is not None


class Keeping(Protocol):
    """Who takes predictions, and gets them when they are answered."""

    def take(self, call: Call, request_id: str, rules: Rules) -> Taken | None:
        """Hold what is needed of a call; `None` if there is no room."""
        ...

    def keep(self, taken: Taken, answer: Answer) -> None:
        """What was taken is answered."""
        ...


class Sampler:
    """The observer of a version of a model: it gives a share of the predictions to who keeps them."""

    def __init__(self, share: float, rules: Rules, keeping: Keeping, request_id: Callable[[int], str]):
        self._share = share
        self._rules = rules
        self._keeping = keeping
        self._request_id = request_id
        self._left = gap(share)

    def on_call(self, call: Call, deliver: Deliver) -> Deliver:
        """A call is on its way; returns who is to get its answer."""
        self._left -= 1
        if self._left > 0:
            return deliver
        self._left = gap(self._share)
        if call.verb != "predict" or call.only_check or call.way:
            return deliver
        taken = self._keeping.take(call, self._request_id(call.id), self._rules)
        if taken is None:
            return deliver

        def on_answer(pending: Pending, answer: Answer) -> None:
            deliver(pending, answer)
            self._keeping.keep(taken, answer)

        return on_answer
