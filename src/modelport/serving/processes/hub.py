"""What the first process passes on between the server processes that it has started.

It reads no meaning in what is said, but for what processes count: that stays counted when one has ended, as
it was told last, so that sums never fall. Everything is bounded, and no question waits for ever.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from modelport.api.metrics.counted_together import STATISTICS, left_of
from modelport.dialects.oip import counted_together
from modelport.siblings import (
    ANSWER,
    ANSWERS,
    ASK,
    ASKED,
    BEGUN,
    IDLE,
    JOINED,
    LEND,
    LENT,
    METRICS,
    MISSED,
    MOST_UNSENT,
    SAID,
    SAY,
    Message,
    Unframed,
    framed,
)
from modelport.telemetry.metrics.together import counted

READ_BYTES = 1 << 18
MOST_KEPT = 10_000
MOST_SUBJECTS = 20_000  # that something is lent to
# What is counted on beyond the end of who has answered: by topic, what stays of such answers.
COUNTED: dict[str, Callable[[Iterable[bytes]], bytes]] = {
    METRICS: counted,
    STATISTICS: left_of,
    counted_together.COUNTED: counted_together.left_of,
}


@dataclass
class _Member:
    """One process. `joined` says whether it answers requests, and so questions, too."""

    sock: socket.socket
    unframed: Unframed = field(default_factory=Unframed)
    unsent: bytearray = field(default_factory=bytearray)
    has_missed: bool = False
    joined: bool = False
    idle_at: float = float("-inf")


@dataclass
class _Question:
    asker: int
    number: int  # by which the asker knows it
    topic: str
    waits_for: set[int]
    until: float
    bodies: dict[int, bytes] = field(default_factory=dict[int, bytes])


class Hub:
    """Passes messages on between processes, which have the numbers from 0 to below `of`."""

    def __init__(self, of: int):
        self._of = of
        self.members: dict[int, _Member] = {}
        self.begun = False  # whether the first one has
        self._have_joined: set[int] = set()  # numbers whose process has joined once
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._kept: dict[tuple[str, str], bytes] = {}
        self._shown: dict[tuple[str, int], bytes] = {}  # by topic and process, what it has told last
        self._ended: dict[str, bytes] = {}  # by topic, what those have counted that have ended
        self._lent: dict[str, tuple[float, int]] = {}  # until when a stretch lasts, and what it has lent

    def add(self, number: int, sock: socket.socket) -> None:
        """A process begins."""
        sock.setblocking(False)
        self.members[number] = _Member(sock)

    def remove(self, number: int) -> None:
        """A process has ended."""
        member = self.members.pop(number)
        member.sock.close()
        for topic, left in COUNTED.items():
            if (shown := self._shown.pop((topic, number), None)) is not None:
                self._ended[topic] = left([self._ended.get(topic, b""), shown])
        for key, question in list(self._questions.items()):
            question.waits_for.discard(number)
            if question.asker == number:
                del self._questions[key]
            elif not question.waits_for:
                self._answer(key)

    def has_joined(self, number: int) -> bool:
        """Whether the process of this number answers requests."""
        return number in self.members and self.members[number].joined

    def all_idle(self, seconds: float) -> bool:
        """Whether each process has said within so many seconds that nobody uses it."""
        since = monotonic() - seconds
        return len(self.members) == self._of and all(one.idle_at >= since for one in self.members.values())

    # -- sockets -----------------------------------------------------------------------------------

    def waits_to_send(self, number: int) -> bool:
        """Whether something could not be sent to a process yet."""
        return bool(self.members[number].unsent)

    def read(self, number: int) -> bool:
        """Take what a process has sent; false once it sends no more."""
        member = self.members[number]
        try:
            data = member.sock.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        try:
            for message in member.unframed.of(data):
                self._take(number, message)
        except (ValueError, msgspec.MsgspecError):  # a bug: it is told by the end of its socket, and ends
            with contextlib.suppress(OSError):
                member.sock.shutdown(socket.SHUT_RDWR)
            return False
        return bool(data)

    def send(self, number: int) -> None:
        """Send what waits."""
        member = self.members[number]
        with contextlib.suppress(OSError):  # it ends, as reading tells; or takes no more now
            while member.unsent:
                sent = member.sock.send(memoryview(member.unsent)[:READ_BYTES].tobytes())
                del member.unsent[:sent]
        if member.has_missed and not member.unsent:
            member.has_missed = False
            self._tell(number, Message(MISSED))

    def next_deadline(self) -> float | None:
        """When to call `expire`, by the monotonic clock."""
        return min((question.until for question in self._questions.values()), default=None)

    def expire(self) -> None:
        """Answer the questions that have waited for long enough."""
        now = monotonic()
        for key, question in list(self._questions.items()):
            if question.until <= now:
                self._answer(key)

    # -- messages ----------------------------------------------------------------------------------

    def _take(self, number: int, message: Message) -> None:
        if message.kind == SAY:
            self._pass_on(number, message)
        elif message.kind == ASK:
            self._ask(number, message)
        elif message.kind == ANSWER:
            self._hear_answer(number, message)
        elif message.kind == LEND:
            self._lend(number, message)
        elif message.kind == BEGUN:
            self.begun = True
        elif message.kind == IDLE:
            self.members[number].idle_at = monotonic()
        elif message.kind == JOINED:
            self._join(number)

    def _join(self, number: int) -> None:
        self.members[number].joined = True
        self._have_joined.add(number)
        for (topic, _), body in self._kept.items():
            self._tell(number, Message(SAID, topic=topic, body=body))

    def _pass_on(self, number: int, message: Message) -> None:
        if message.kept_as:
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[message.topic, message.kept_as] = message.body
        for other in self.members:
            if other != number:
                self._tell(other, Message(SAID, topic=message.topic, body=message.body))

    def _ask(self, number: int, message: Message) -> None:
        self._asked += 1
        asked = {other for other, member in self.members.items() if member.joined} | {number}
        self._questions[self._asked] = _Question(
            number, message.number, message.topic, asked, monotonic() + message.numbers[0]
        )
        for other in asked:
            question = Message(ASKED, number=self._asked, topic=message.topic, body=message.body)
            self._tell(other, question)

    def _hear_answer(self, number: int, message: Message) -> None:
        question = self._questions.get(message.number)
        if question is None or number not in question.waits_for:
            return
        question.waits_for.discard(number)
        question.bodies[number] = message.body
        if question.topic in COUNTED:
            self._shown[question.topic, number] = message.body
        if not question.waits_for:
            self._answer(message.number)

    def _answer(self, key: int) -> None:
        question = self._questions.pop(key)
        missing = len(question.waits_for) + self._of - len(self._have_joined | set(question.bodies))
        topic, bodies = question.topic, question.bodies
        late = {one: self._shown[topic, one] for one in question.waits_for if (topic, one) in self._shown}
        bodies = bodies | late
        found = [bodies[number] for number in sorted(bodies)]
        left = self._ended.get(topic, b"")
        answers = Message(ANSWERS, number=question.number, bodies=found, missing=missing, left=left)
        self._tell(question.asker, answers)

    def _lend(self, number: int, message: Message) -> None:
        requests, seconds, wanted = message.numbers
        now = monotonic()
        ends_at, used = self._lent.pop(message.topic, (0.0, 0))
        if not now < ends_at <= now + seconds:
            ends_at, used = now + seconds, 0
        lent = int(min(wanted, max(requests - used, 0)))
        if len(self._lent) >= MOST_SUBJECTS:
            del self._lent[next(iter(self._lent))]
        self._lent[message.topic] = (ends_at, used + lent)
        left = [lent, max(requests - used - lent, 0), ends_at - now]
        self._tell(number, Message(LENT, number=message.number, numbers=left))

    def _tell(self, number: int, message: Message) -> None:
        member = self.members[number]
        if len(member.unsent) > MOST_UNSENT:
            member.has_missed = True
            return
        member.unsent += framed(message)
        self.send(number)
