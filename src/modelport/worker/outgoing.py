"""Answers on their way out: whatever a model put into one, it must not end the worker."""

from __future__ import annotations

import io
from pathlib import Path

from modelport.contract.calls import Answer, Chunk
from modelport.contract.unknown_arguments import MAX_WARNINGS, warning_value
from modelport.dialects.codecs.failures import trace
from modelport.worker.answers import INLINE_BYTES, spooled
from modelport.worker.frames import FrameError, FrameSocket, Kind


class Outgoing:
    """The sending side of a worker. `spool` is the folder under which calls have folders of their own."""

    def __init__(self, channel: FrameSocket, spool: str):
        self._channel = channel
        self._spool = Path(spool)
        self._warnings: dict[int, list[str]] = {}

    def warn(self, call_id: int, words: list[str]) -> None:
        """Let the answer to a call, whatever it will be, carry these words as `Warning` headers."""
        self._warnings[call_id] = words

    def answers(self, answers: list[Answer]) -> None:
        """Send answers in one frame; large bodies go as files. One that cannot be sent fails alone."""
        for answer in answers:
            if self._warnings:
                warnings = self._warnings.pop(answer.id, [])[:MAX_WARNINGS]
                answer.headers = [*answer.headers, *(("warning", warning_value(words)) for words in warnings)]
            if len(answer.body) > INLINE_BYTES:
                self._move_to_file(answer)
        try:
            self._channel.send(Kind.ANSWERS, answers)
        except FrameError:  # nothing of the frame is out yet
            for answer in answers:
                self._channel.send(Kind.ANSWERS, [_encodable(answer)])

    def _move_to_file(self, answer: Answer) -> None:
        try:
            answer.path = spooled(self._spool / f"{answer.id:x}", io.BytesIO(answer.body))
        except OSError as error:
            answer.status, answer.problem, answer.failure = 507, True, trace(error)
            answer.detail = "the server has no room for this answer"
        answer.body = b""

    def chunk(self, chunk: Chunk) -> None:
        """Send a piece of a stream. Raises `FrameError` if it is too large."""
        try:
            self._channel.send(Kind.CHUNK, chunk)
        except FrameError:
            chunk.error, chunk.failure = _clean(chunk.error), _clean(chunk.failure)
            self._channel.send(Kind.CHUNK, chunk)


def _encodable(answer: Answer) -> Answer:
    """The same answer with text that UTF-8 has; what it has not becomes question marks."""
    answer.detail, answer.failure, answer.reason = map(_clean, (answer.detail, answer.failure, answer.reason))
    answer.content_type = _clean(answer.content_type)
    answer.headers = [(_clean(name), _clean(value)) for name, value in answer.headers]
    return answer


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
