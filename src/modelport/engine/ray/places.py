"""Places on the nodes of a Ray cluster: what asks Ray for actors, and where these connect.

What stands in the way, and what is done about it:

- *The head is gone, or was never there.* Ray ends its driver then, which is a process of its own; another one
  is started, until a head answers. Workers that run are asked as before, as long as Ray keeps their nodes;
  what is to be placed waits, and `trouble` says why.
- *The cluster has no room.* The actor waits for it, and the log says so.
- *An actor dies before it has connected.* It is asked for again, a few times; what it has raised itself is
  the reason why its worker could not be started.
- *Anybody may connect to the port.* Who does not say within seconds which worker this is, by the secret that
  only its actor has, is closed; of those that have said nothing yet there are only so many.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import socket
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from modelport.engine.local.process import JOB_NICE
from modelport.engine.output import Lines
from modelport.engine.ray.links import HELLO_BYTES, LINK, MAGIC, WELCOME, Begin, keep_alive
from modelport.engine.ray.place import LEASE_SECONDS, RayPlace
from modelport.engine.ray.placing import actor_options, fitted, needed
from modelport.engine.starting import command, plain_options
from modelport.settings import Settings, data_folder
from modelport.settings.written import size_of
from modelport.worker.body_slots import BodySlots
from modelport.worker.frames import Load

log = logging.getLogger("modelport.engine")

HELLO_SECONDS = 10.0
MOST_STRANGERS = 256  # connections that have not said whose they are
ROOM_SECONDS = 10.0  # for which a worker waits for a place until the log says so
JOB_ROOM_SECONDS = 3.0  # the same for the process of a job, and the log of that
HEAD_SECONDS = 20.0  # without a word of the head
RECONNECT_SECONDS = 2.0
SIZE_SECONDS = 0.25  # between two looks at the memory of a worker that has a limit
ATTEMPTS = 5  # at placing a worker whose actor dies before it connects
AGAIN_SECONDS = 1.0
LONGEST_LINE = 1 << 16  # of the placer


class RayPlaces:
    """Places workers on the nodes of one cluster. `trouble` says why that cannot be done now."""

    ends_with_server = False  # a node that is cut off just then learns of it late

    def __init__(self, spool: Path, settings: Settings):
        self.trouble = f"the Ray cluster at {settings.ray_address} has not answered yet"
        self._spool = spool
        self._settings = settings
        self._waiting: dict[int, RayPlace] = {}  # without a link
        self._placed: dict[int, RayPlace] = {}
        self._numbers: dict[RayPlace, int] = {}
        self._last = 0
        self._accepting: asyncio.Task[None] | None = None
        self._port = 0
        self._host = ""
        self._strangers = 0
        self._placer: asyncio.StreamWriter | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- life --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin to look for the cluster. Raises `OSError` if nothing can listen where the settings say."""
        if self._settings.ray_host is not None:
            self._listen(self._settings.ray_host)
        self._own(self._keep_placer())

    def _listen(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if self._accepting is not None:
            self._accepting.cancel()
        listener = socket.create_server((host, self._settings.ray_port), family=family)
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        log.info("listens on %s:%d for workers on the nodes of the Ray cluster", host, self._port)
        self._accepting = self._own(self._accept(listener))

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("ray: a connection failed", exc_info=task.exception())

    async def close(self) -> None:
        """Listen no more, and end what asks Ray; with it go actors that have not connected."""
        for timer in self._timers:
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def fitted(self, load: Load, settings: Settings, number: int, *, of_jobs: bool = False) -> Load:
        """What the worker of this number is to load; see `Places`."""
        return fitted(load, settings, number)

    def place(self, load: Load, output: Lines, settings: Settings, slots: BodySlots) -> RayPlace:
        """A place for one worker; see `Places`."""
        seconds = SIZE_SECONDS if size_of(settings.memory_limit) else 0.0
        begin = Begin(_variables(load), str(Path.cwd()), {str(self._spool): "spool_dir"}, seconds)
        return RayPlace(self, load, begin, output, settings)

    def place_of_job(self, load: Load, output: Lines, temp: Path, settings: Settings) -> RayPlace:
        """A place for the process of a job; see `Places`. Its own temporary files are its node's."""
        jobs = data_folder(self._settings.data_dir).absolute() / "jobs"
        # Its results go to the folder of the job, or as those of live workers.
        sees = {str(jobs): "data_dir", load.spool: "data_dir", str(self._spool): "spool_dir"}
        begin = Begin(_variables(load), str(Path.cwd()), sees, 0.0, JOB_NICE, LEASE_SECONDS)
        return RayPlace(self, load, begin, output, settings)

    # -- asking Ray --------------------------------------------------------------------------------

    def ask_for(self, place: RayPlace) -> None:
        """Have an actor made for this place, now or once the cluster is there."""
        self._last += 1
        self._numbers[place] = self._last
        self._waiting[self._last] = place
        self._later(JOB_ROOM_SECONDS if place.is_of_job else ROOM_SECONDS, lambda: self._say_waits(place))
        if self.trouble:
            place.tell_waits(self.trouble)
        self._ask(self._last)

    def _ask(self, number: int) -> None:
        place = self._waiting.get(number)
        if place is None or self._placer is None:
            return
        self._tell(
            do="place",
            number=number,
            host=self._settings.ray_advertise or self._host,
            port=self._port,
            secret=place.secret.hex(),
            options=actor_options(place.settings),
        )

    def _say_waits(self, place: RayPlace) -> None:
        if self._numbers.get(place, 0) in self._waiting and not self.trouble:
            said = "%s: the Ray cluster has no room for a worker, which needs %s; it waits for that"
            log.warning(said, place.name, needed(place.settings))
            place.tell_waits(
                f"no node of the Ray cluster has taken it yet, it needs {needed(place.settings)}"
            )

    def let_go(self, place: RayPlace) -> None:
        """It has ended, or is not wanted any more: so is its actor."""
        number = self._numbers.pop(place, 0)
        if number:
            self._waiting.pop(number, None)
            self._placed.pop(number, None)
            self._later(1.0, lambda: self._tell(do="end", number=number))  # it mostly ends by itself

    def _tell(self, **message: Any) -> None:
        if self._placer is not None and not self._placer.is_closing():
            self._placer.write(json.dumps(message).encode() + b"\n")

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    async def _keep_placer(self) -> None:
        """Have a driver of Ray, again and again."""
        while True:
            why = await self._run_placer()
            self._placer = None
            self._set_trouble(why)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _run_placer(self) -> str:
        """Run one driver to its end; returns why it has ended."""
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(  # noqa: ASYNC220 - on this thread, with which it is to end
            command("modelport.engine.ray.placer", str(theirs.fileno()), str(os.getpid())),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            **plain_options({}),
        )
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        self._placer = writer
        self._tell(address=self._settings.ray_address)
        self._placer = None  # it takes nothing else before it is there
        where = self._settings.ray_address
        why = f"the connection to the Ray cluster at {where} has ended"
        try:
            while True:
                try:
                    async with asyncio.timeout(HEAD_SECONDS):
                        line = await reader.readline()
                except TimeoutError:
                    if self._placer is not None and not self.trouble:
                        self._set_trouble(f"the head of the Ray cluster at {where} does not answer")
                    continue
                if not line:
                    return why
                said = json.loads(line)
                if "down" in said:
                    why = f"the Ray cluster at {where} cannot be reached: {said['down']}"
                self._hear(said, writer)
        except (OSError, ValueError) as error:
            return f"{why}: {error}"
        finally:
            writer.close()
            process.kill()
            await asyncio.to_thread(process.wait)

    def _set_trouble(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.error("no worker can be placed now: %s", trouble)
            for place in self._waiting.values():
                place.tell_waits(trouble)
        elif self.trouble and not trouble:
            log.info("the Ray cluster at %s answers", self._settings.ray_address)
        self.trouble = trouble

    def _hear(self, said: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if "up" in said:
            if self._settings.ray_host is None and said["up"] != self._host:
                self._listen(said["up"])  # another cluster may know this machine by another address
            self._host = said["up"]
            self._placer = writer
            self._set_trouble("")
            for number in list(self._waiting):
                self._ask(number)
        elif "head" in said:
            self._set_trouble("")
        elif "failed" in said:
            self._on_failed(said["failed"], said["why"], again=said["again"])

    def _on_failed(self, number: int, why: str, *, again: bool) -> None:
        place = self._waiting.get(number)
        if place is None:
            return  # it runs, or did: its link says more
        place.attempts += 1
        if again and place.attempts < ATTEMPTS:
            log.warning("%s: Ray could not start a worker (%s); it is tried again", place.name, why)
            self._later(AGAIN_SECONDS, lambda: self._ask(number))
        else:
            place.fail(f"Ray could not start it: {why}")

    # -- where actors connect ----------------------------------------------------------------------

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError as error:  # no file descriptors left, for one
                    log.warning("ray: a connection could not be taken: %s", error)
                    await asyncio.sleep(0.1)
                    continue
                if self._strangers >= MOST_STRANGERS:
                    connection.close()
                    continue
                self._strangers += 1
                self._own(self._greet(connection))

    async def _greet(self, connection: socket.socket) -> None:
        """Find out whose connection this is; it is closed if nobody's."""
        try:
            connection.setblocking(False)
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await _read_hello(connection)
            place = self._found(hello)
            if place is None or not await self._given(place, hello, connection):
                connection.close()
        except (OSError, TimeoutError):
            connection.close()
        except BaseException:
            connection.close()
            raise
        finally:
            self._strangers -= 1

    def _found(self, hello: bytes) -> RayPlace | None:
        """The place whose actor has sent this, compared in constant time."""
        if not hello.startswith(MAGIC):
            return None
        secret = hello[len(MAGIC) + 1 :]
        places = [*self._waiting.values(), *self._placed.values()]
        return next((one for one in places if hmac.compare_digest(one.secret, secret)), None)

    async def _given(self, place: RayPlace, hello: bytes, connection: socket.socket) -> bool:
        """Give a connection to the place that it is for. False if that has it already."""
        is_link = hello[len(MAGIC) : len(MAGIC) + 1] == LINK
        wanted: asyncio.Future[Any] = place.link if is_link else place.channel
        if wanted.done():
            return False
        keep_alive(connection)
        await asyncio.get_running_loop().sock_sendall(connection, WELCOME)
        given: Any = connection
        if is_link:
            given = await asyncio.open_connection(sock=connection)
        if wanted.done():  # meanwhile
            return False
        wanted.set_result(given)
        if is_link and (number := self._numbers.get(place, 0)):
            self._waiting.pop(number, None)
            self._placed[number] = place
        return True


def _variables(load: Load) -> dict[str, str]:
    """Those of a worker, beside its node's: imports are looked for where this server looks."""
    variables = dict(load.variables)
    if os.environ.get("PYTHONPATH"):
        variables.setdefault("PYTHONPATH", os.environ["PYTHONPATH"])
    return variables


async def _read_hello(connection: socket.socket) -> bytes:
    """As many bytes as a hello has, or fewer if there are no more."""
    loop = asyncio.get_running_loop()
    hello = b""
    while len(hello) < HELLO_BYTES:
        data = await loop.sock_recv(connection, HELLO_BYTES - len(hello))
        if not data:
            return b""
        hello += data
    return hello
