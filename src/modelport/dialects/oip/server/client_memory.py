"""Regions of shared memory that clients register, where the server lets them, by Triton's extension.

The list of them is a file that the workers read, and all processes of the server read and write, one at a
time. A region is of who has registered it: others do not see it, and have names of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from collections import Counter
from collections.abc import Callable, Generator
from operator import itemgetter
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.dialect_calls import told_in
from modelport.api.endpoints.row import ReadBody
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.contract.errors import BadRequest
from modelport.dialects.oip.regions import KEY, OFF, SHOWN, Region, Regions, check_region, known_regions
from modelport.dialects.oip.shared_memory import NewCudaRegion, NewRegion, ShownRegion
from modelport.engine.ports import Engine
from modelport.problems import Problem
from modelport.settings import Settings
from modelport.siblings import Siblings

MOST_OF_ONE, MOST = 64, 256  # regions of one principal, and of all
MOST_NAME = 200
NO_CUDA = "this server reads no memory of GPUs: models take arrays of the host; register system shared memory"


Listed = dict[tuple[str, str], Region]  # by owner and name


def file_of_regions(engine: Engine, settings: Settings, siblings: Siblings | None) -> str:
    """The list of regions that the workers read; empty where no memory of clients may be used."""
    folder = siblings.place.folder if siblings is not None else None
    return str((folder or engine.spool.root) / "client-memory") if settings.allow_client_shm else ""


class ClientRegions:
    """The handlers, one method a resource. `file` is the list for the workers; empty where there is none."""

    def __init__(self, file: str, most: int):
        self.file = file
        self._most = most  # bytes of a region; 0 is any number

    async def status(self, request: Request) -> Response:
        """`GET /v2/systemsharedmemory/status`."""
        with told_in(INFERENCE_ERROR):
            self._check_on()
            by = principal_of(request.scope).id
            known = await asyncio.to_thread(self._listed)
            found = [region for (owner, _), region in known.items() if owner == by]
            return json_response([_shown(region) for region in found])

    async def status_of_one(self, request: Request) -> Response:
        """`GET /v2/systemsharedmemory/region/{region}/status`."""
        with told_in(INFERENCE_ERROR):
            self._check_on()
            name = request.path_params["region"]
            known = await asyncio.to_thread(self._listed)
            region = known.get((principal_of(request.scope).id, name))
            if region is None:
                raise Problem(404, f"you have registered no region {name[:SHOWN]!r}")
            return json_response([_shown(region)])

    async def register(self, request: Request, sent: ReadBody[NewRegion]) -> Response:
        """`POST /v2/systemsharedmemory/region/{region}/register`."""
        with told_in(INFERENCE_ERROR):
            new, name = await sent(), request.path_params["region"]
            self._check_on()
            by = principal_of(request.scope).id
            region = Region(name, new.key, new.offset, new.byte_size, by)
            self._check_new(region)
            try:
                await asyncio.to_thread(check_region, region)
            except BadRequest as error:
                raise Problem(400, error.detail) from None
            await self._change(lambda known: _with_room(known, region) | {(by, name): region})
            return json_response({})

    async def unregister(self, request: Request) -> Response:
        """`POST /v2/systemsharedmemory/region/{region}/unregister`; nothing happens if there is none."""
        with told_in(INFERENCE_ERROR):
            self._check_on()
            one = principal_of(request.scope).id, request.path_params["region"]
            await self._change(lambda known: {key: region for key, region in known.items() if key != one})
            return json_response({})

    async def unregister_all(self, request: Request) -> Response:
        """`POST /v2/systemsharedmemory/unregister`: all that one has registered."""
        with told_in(INFERENCE_ERROR):
            self._check_on()
            by = principal_of(request.scope).id
            await self._change(lambda known: {key: one for key, one in known.items() if key[0] != by})
            return json_response({})

    async def refuse_cuda(self, request: Request) -> Response:
        """What asks for the memory of GPUs."""
        with told_in(INFERENCE_ERROR):
            raise Problem(501, NO_CUDA)

    async def register_cuda(self, request: Request, sent: ReadBody[NewCudaRegion]) -> Response:
        """`POST /v2/cudasharedmemory/region/{region}/register`."""
        with told_in(INFERENCE_ERROR):
            await sent()
            raise Problem(501, NO_CUDA)

    def _check_on(self) -> None:
        if not self.file:
            raise Problem(501, OFF)

    def _check_new(self, region: Region) -> None:
        if len(region.name) > MOST_NAME:
            raise Problem(400, f"the name of a region has at most {MOST_NAME} characters")
        if not KEY.fullmatch(region.key):
            raise Problem(
                400, f"the key {region.key[:SHOWN]!r} is no name of shared memory, such as '/mine': it has "
                "letters, digits, '_', '-' and '.', and no other slash",
            )  # fmt: skip
        if self._most and region.byte_size > self._most:
            raise Problem(
                400, f"a region has at most {self._most} bytes here, which is the setting client_max_size"
            )

    def _listed(self) -> Listed:
        """The regions that there are. It reads a file."""
        return {(one.owner, one.name): one for one in known_regions(self.file).regions}

    async def _change(self, change: Callable[[Listed], Listed]) -> None:
        """Let there be other regions. What a worker reads is the list before it or this one."""
        try:
            await asyncio.to_thread(self._changed, change)
        except OSError as error:
            raise Problem(507, f"the list of regions cannot be written: {error.strerror}") from None

    def _changed(self, change: Callable[[Listed], Listed]) -> None:
        with _alone(Path(f"{self.file}.lock")):
            before = self._listed()
            after = change(before)
            if after != before:
                new = Path(f"{self.file}.new")
                new.write_bytes(msgspec.json.encode(Regions(self._most, list(after.values()))))
                new.replace(self.file)


def _with_room(known: Listed, region: Region) -> Listed:
    """The regions beside which there is room for one more. Raises `Problem` 409 if there are none.

    Where there are as many as may be, it takes the place of the oldest of whoever has most: owners leave,
    their keys end, and nobody else could ever let their regions go.
    """
    if (region.owner, region.name) in known:
        raise Problem(409, f"the region {region.name[:SHOWN]!r} is registered: unregister it first")
    of_each = Counter(owner for owner, _ in known)
    mine = of_each[region.owner]
    is_full = len(known) >= MOST
    whose, most = max(of_each.items(), key=itemgetter(1), default=("", 0))
    if mine >= MOST_OF_ONE or (is_full and most <= mine + 1):
        raise Problem(
            409, f"there are {mine} regions of yours, and {len(known)} of all: there may be "
            f"{MOST_OF_ONE} and {MOST}; unregister some",
        )  # fmt: skip
    oldest = next(key for key in known if key[0] == whose) if is_full else None
    return {key: one for key, one in known.items() if key != oldest}


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Nobody else changes the list meanwhile, in whichever process; who holds it reads and writes a file."""
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _shown(region: Region) -> ShownRegion:
    return ShownRegion(region.name, region.key, region.offset, region.byte_size)
