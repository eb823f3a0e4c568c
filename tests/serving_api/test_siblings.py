"""What server processes tell, ask and lend each other, through the hub of the first one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator

import pytest

from modelport.http.spread import NOBODY, Spread
from modelport.identity.login_attempts import FREE, LoginAttempts
from modelport.identity.wrong_credentials import WrongCredentials
from modelport.serving.processes.hub import Hub
from modelport.serving.processes.shares import share_of
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.declaring import Written
from modelport.settings.together import check_together
from modelport.shared_counts import LOOKS, SharedCounts
from modelport.siblings import METRICS, Place, Siblings

pytestmark = pytest.mark.anyio
SECONDS = 30.0
COUNTED = b"# HELP a_total A\n# TYPE a_total counter\na_total %d\n"
SEEN = b"# HELP b B\n# TYPE b gauge\nb 1\n"


class Group:
    """A hub in this event loop, and the processes that it knows."""

    def __init__(self, of: int):
        self.hub = Hub(of)
        self.of = of
        self.joined: dict[int, asyncio.Event] = {}
        self.gone: dict[int, asyncio.Event] = {}
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Group:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    async def start(self, number: int) -> Siblings:
        """A process begins, and has joined."""
        self.joined[number], self.gone[number] = asyncio.Event(), asyncio.Event()
        ours, theirs = socket.socketpair()
        self.hub.add(number, ours)
        asyncio.get_running_loop().add_reader(ours, self._read, number, ours)
        found = Siblings(theirs, Place(number, self.of, is_late=False, steady=0.0))
        await found.open()
        self._closing.push_async_callback(found.close)
        found.tell_joined()
        await self.joined[number].wait()
        return found

    def _read(self, number: int, sock: socket.socket) -> None:
        if not self.hub.read(number):
            asyncio.get_running_loop().remove_reader(sock)
            self.hub.remove(number)
            self.gone[number].set()
        elif self.hub.has_joined(number):
            self.joined[number].set()


@contextlib.asynccontextmanager
async def two() -> AsyncIterator[tuple[Group, Siblings, Siblings]]:
    async with Group(2) as group, asyncio.timeout(SECONDS):
        yield group, await group.start(0), await group.start(1)


async def until_heard(one: Siblings, other: Siblings) -> None:
    """Wait until the other has heard all that one has said: a question takes the same way behind it."""
    other.answer("heard", _echo)
    one.answer("heard", _echo)
    assert (await one.ask("heard")).missing == 0


async def _echo(body: bytes) -> bytes:
    return body


async def test_what_one_says_the_other_hears_and_those_that_come_later_what_is_kept() -> None:
    async with two() as (group, one, other):
        heard: list[bytes | None] = []
        other.hear("topic", heard.append)
        one.hear("topic", lambda _: pytest.fail("it has said this itself"))
        one.say("topic", b"first", kept_as="model")
        one.say("topic", b"second", kept_as="model")
        one.say("topic", b"third")
        await until_heard(one, other)
        assert heard == [b"first", b"second", b"third"]
        await other.close()
        await group.gone[1].wait()
        late = await group.start(1)
        heard.clear()
        late.hear("topic", heard.append)
        await until_heard(one, late)
        assert heard == [b"second"]


async def test_all_are_asked_and_one_that_has_never_come_is_missing() -> None:
    async with Group(3) as group, asyncio.timeout(SECONDS):
        one, other = await group.start(0), await group.start(1)
        for number, siblings in enumerate((one, other)):

            async def tell(body: bytes, number: int = number) -> bytes:
                return body + b"%d" % number

            siblings.answer("topic", tell)
        found = await one.ask("topic", b"from ")
        assert found == ([b"from 0", b"from 1"], 1, b"")


async def test_what_a_process_has_counted_stays_when_it_has_ended() -> None:
    async with two() as (group, one, other):
        for siblings, number in ((one, 5), (other, 7)):

            async def tell(_: bytes, number: int = number) -> bytes:
                return COUNTED % number + SEEN

            siblings.answer(METRICS, tell)
        await until_heard(one, other)
        assert len((await one.ask(METRICS)).bodies) == 2
        await other.close()
        await group.gone[1].wait()
        found = await one.ask(METRICS)
        assert (found.bodies, found.left) == ([COUNTED % 5 + SEEN], COUNTED % 7)


async def test_no_more_is_lent_than_there_is() -> None:
    async with two() as (_, one, other):
        lent = [await siblings.lend("who", 10, 3600, 4) for siblings in (one, other, one, other)]
        assert [one and one.requests for one in lent] == [4, 4, 2, 0]
        assert [one and one.beyond for one in lent] == [6, 2, 0, 0]
        again = await other.lend("somebody else", 10, 3600, 4)
        assert again is not None
        assert again.requests == 4


async def test_who_started_them_is_missed() -> None:
    ours, theirs = socket.socketpair()
    alone = Siblings(theirs, Place(0, 2, is_late=False, steady=0.0))
    async with asyncio.timeout(SECONDS):
        await alone.open()
        alone.answer("topic", _echo)
        ours.close()
        await alone.parted.wait()
        assert (await alone.ask("topic", b"me")).bodies == [b"me"]
        assert await alone.lend("who", 10, 60, 1) is None
        await alone.close()


async def test_wrong_passwords_and_keys_count_wherever_they_come_to() -> None:
    async with two() as (_, one, other):
        attempts = [LoginAttempts(), LoginAttempts()]
        wrong = [WrongCredentials(4), WrongCredentials(4)]
        for siblings, mine, keys in zip((one, other), attempts, wrong, strict=True):
            mine.share(siblings)
            keys.share(siblings)
        for _ in range(FREE):
            assert attempts[0].begin("anna", "192.0.2.1", is_familiar=False) == 0
            wrong[0].note("192.0.2.1")
        await until_heard(one, other)
        assert attempts[1].begin("anna", "192.0.2.1", is_familiar=False) > 0
        assert wrong[1].seconds_left("192.0.2.1") > 0
        attempts[1].right("anna", "192.0.2.1", is_familiar=False)
        await until_heard(other, one)
        assert attempts[0].begin("anna", "192.0.2.1", is_familiar=False) == 0


def test_counts_are_those_of_all_processes_and_of_one_that_is_gone_nothing() -> None:
    counts = SharedCounts(2)
    mine, names = counts.of("anna", 0), [f"name {number}" for number in range(10 * LOOKS)]
    assert mine is not None
    others = [counts.of(name, 0) for name in names]
    child = os.fork()
    if not child:
        theirs = counts.of("anna", 1)
        if theirs is not None:
            theirs.add(3)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    mine.add(2)
    assert mine.total() == 5
    assert {one.total() for one in others if one is not None} == {0}
    counts.forget(1)
    assert mine.total() == 2


def test_a_connection_is_left_to_a_process_that_has_less() -> None:
    counts = memoryview(bytearray(16)).cast("I")
    for number, connections in enumerate((3, 5, NOBODY, 4)):
        counts[number] = connections
    assert [Spread(counts, number).more() for number in (0, 1, 3)] == [1, 0, 0]
    Spread(counts, 0).leave()
    assert [Spread(counts, number).more() for number in (1, 3)] == [0, 1]


def test_a_process_has_its_share_of_what_the_machine_is_to_have() -> None:
    own = {"m": {"workers": Written(6, "here"), "timeout": Written(1.0, "here")}}
    settings = Settings(server_processes=2, workers=4, job_workers=3, queue_size=5, models=own)
    shares = [share_of(settings, Place(number, 2, is_late=False, steady=0.0)) for number in range(2)]
    assert [(one.workers, one.job_workers, one.queue_size) for one in shares] == [(2, 2, 3), (2, 1, 3)]
    assert [(one.of("m").workers, one.of("m").timeout) for one in shares] == [(3, 1.0)] * 2


def test_workers_that_cannot_be_shared_evenly_are_refused() -> None:
    written = {"workers": "--workers"}
    check_together(Settings(server_processes=2, workers=4, written=written))
    check_together(Settings(server_processes=2))
    with pytest.raises(SettingsError, match="workers is 3, which 2 server processes cannot share evenly"):
        check_together(Settings(server_processes=2, workers=3, written=written))
