"""Models that ask each other, and tell by files in a folder what has happened to them."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

import modelport


def tell(folder: str, what: str) -> None:
    """Let whoever looks into the folder know."""
    Path(folder, what).touch()


def until(folder: str, what: str) -> None:
    """Wait until somebody has told it."""
    while not Path(folder, what).exists():
        time.sleep(0.005)


class Twice(modelport.Model):
    """Is asked."""

    def predict(self, number: int) -> int:
        if number < 0:
            raise modelport.HTTPError(422, "it is negative")
        if number == 1313:
            raise ValueError("it is unlucky")
        return 2 * number


class Plain(modelport.Model):
    """Asks, one question after the other."""

    def predict(self, number: int, model: str = "twice") -> int:
        other = modelport.model(model)
        return other.predict(number=other.predict(number=number))


class Threads(modelport.Model):
    """Asks two at once, in threads."""

    def predict(self, number: int) -> list[int]:
        twice = modelport.model("twice")
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda n: twice.predict(number=n), [number, number + 1]))


class Gathers(modelport.Model):
    """Asks two at once, in an event loop."""

    async def predict(self, number: int, way: Literal["await", "block"] = "await") -> list[int]:
        twice = modelport.model("twice")
        if way == "block":
            return [twice.predict(number=number)]
        return await asyncio.gather(*(twice.predict_async(number=n) for n in (number, number + 1)))


class Batches(modelport.Model):
    """Asks once for several calls."""

    max_batch_size = 8
    max_wait_ms = 200.0

    def predict(self, number: int) -> int:
        raise NotImplementedError

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        total = sum(call["number"] for call in calls)
        return [modelport.model("twice").predict(number=total)] * len(calls)


class Grouped(modelport.Model):
    """Is asked, and answers several calls at once, each with how many they were."""

    max_batch_size = 8
    max_wait_ms = 2000.0

    def predict(self, number: int) -> int:
        raise NotImplementedError

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[int]:
        return [len(calls)] * len(calls)


class Asks8(modelport.Model):
    """Asks eight times at once."""

    async def predict(self) -> list[int]:
        grouped = modelport.model("grouped")
        return await asyncio.gather(*(grouped.predict_async(number=number) for number in range(8)))


class Early(modelport.Model):
    """Asks while it is loaded."""

    def warm(self) -> None:
        modelport.model("twice").predict(number=1)

    def predict(self) -> int:
        return 1


class EarlySoon(modelport.Model):
    """Asks an asynchronous model twice while it is loaded, at once."""

    async def warm(self) -> None:
        gathered = modelport.model("gathered")
        self.found = await asyncio.gather(*(gathered.predict_async(number=number) for number in (1, 2)))

    def predict(self) -> list[list[int]]:
        return self.found


class Forks(modelport.Model):
    """Has a process of its own ask."""

    def predict(self, folder: str) -> str:
        process = get_context("fork").Process(target=self._ask, args=(folder,))
        process.start()
        process.join()
        return Path(folder, "said").read_text() + f", {modelport.model('twice').predict(number=1)}"

    def _ask(self, folder: str) -> None:
        try:
            modelport.model("twice").predict(number=1)
        except RuntimeError as error:
            Path(folder, "said").write_text(str(error))


class Trains(modelport.Model):
    """Asks in a job."""

    def predict(self, number: int) -> int:
        return modelport.model("twice").predict(number=number)

    def train(self, number: int) -> int:
        return modelport.model("twice").predict(number=number)


class Echo(modelport.Model):
    """Gives back what it gets."""

    def predict(self, value: Any) -> Any:
        return value


class Bulk(modelport.Model):
    """Asks with an array of some megabytes."""

    def predict(self, cells: int) -> bool:
        array = np.arange(cells)
        return bool(np.array_equal(modelport.model("echo").predict(value=array), array))


class Size(BaseModel):
    width: int
    height: int


class Sees(modelport.Model):
    """Takes a picture and more."""

    def predict(self, image: modelport.Image, scale: float = 1.0) -> Size:
        return Size(width=int(image.width * scale), height=int(image.height * scale))


class Crops(modelport.Model):
    """Answers with a picture, or with a file."""

    def predict(self, image: modelport.Image, as_file: bool = False) -> Any:
        if as_file:
            return image.path
        return image.pillow("L").crop((0, 0, 8, 4))


class Sums(modelport.Model):
    """Takes an array, and answers with one."""

    def predict(self, array: NDArray[np.float32], weights: dict[str, float] | None = None) -> dict[str, Any]:
        factor = sum((weights or {"one": 1.0}).values())
        return {"type": array.dtype.str, "rows": array.sum(axis=1) * np.float32(factor)}


class Looks(modelport.Model):
    """Hands on the picture that its client has sent, and what other models make of it."""

    def predict(self, image: modelport.Image) -> dict[str, Any]:
        part = modelport.model("crops").predict(image=image)
        copy = modelport.model("crops").predict(image=image, as_file=True)
        sees = modelport.model("sees")
        return {
            "whole": sees.predict(image=image, scale=2),
            "part": sees.predict(image=part),
            "again": sees.predict(image=part.pillow()),
            "bytes": sees.predict(image=part.read()),
            "copy": copy.read() == image.read() and copy.path != image.path,
            "path": str(copy.path),
        }


class Counts(modelport.Model):
    """Streams, and tells how far it came."""

    def predict(self, upto: int, folder: str = "", size: int = 1) -> Iterator[dict[str, Any]]:
        number = 0
        try:
            for number in range(upto):
                if number == 13 and not folder:
                    raise ValueError("it is unlucky")
                yield {"number": number, "bytes": b"x" * size, "array": np.arange(number)}
        finally:
            if folder:
                Path(folder, "counted").write_text(str(number))


class Follows(modelport.Model):
    """Follows a stream of another model, and asks `meanwhile` for something else before it leaves."""

    def predict(
        self, upto: int, most: int = 1000, folder: str = "", size: int = 1, meanwhile: int = 0
    ) -> list[int]:
        found: list[int] = []
        for piece in modelport.model("counts").stream(upto=upto, folder=folder, size=size):
            found.append(piece["number"] + len(piece["array"]))
            if len(found) == most:
                for _ in range(meanwhile):
                    modelport.model("twice").predict(number=1)
                break
        return found


class FollowsSoon(modelport.Model):
    """Hands a stream on as it comes."""

    async def predict(self, upto: int) -> AsyncIterator[int]:
        async for piece in modelport.model("counts").stream_async(upto=upto):
            yield piece["number"]


class Relays(modelport.Model):
    """Hands a stream on, in a plain function, and asks once more for each piece."""

    def predict(self, upto: int, folder: str = "") -> Iterator[int]:
        for piece in modelport.model("counts").stream(upto=upto, folder=folder):
            yield modelport.model("twice").predict(number=piece["number"])


class Waits(modelport.Model):
    """Waits until it is given up."""

    def predict(self, folder: str, name: str = "asked") -> int:
        tell(folder, f"{name} began")
        try:
            until(folder, f"{name} may end")
        except BaseException:
            tell(folder, f"{name} was stopped")
            raise
        return 1


class Hopes(modelport.Model):
    """Asks a model that waits."""

    def predict(self, folder: str, timeout: float | None = None, die: bool = False) -> int:
        if die:
            threading.Thread(target=self._die, args=(folder,), daemon=True).start()
        try:
            return modelport.model("waits", timeout=timeout).predict(folder=folder)
        except BaseException as error:
            tell(folder, f"{type(error).__name__} in who asks")
            raise

    def _die(self, folder: str) -> None:
        until(folder, "asked began")
        os._exit(7)


class Chain(modelport.Model):
    """Asks one model after the other."""

    def predict(self, folder: str) -> int:
        waited = modelport.model("waits").predict(folder=folder)
        return modelport.model("twice").predict(number=waited)


class HopesTogether(Hopes):
    """Asks a model that waits, several calls in threads of one worker."""

    max_concurrency = 8


class Together(Plain):
    """Asks, several calls in threads of one worker."""

    max_concurrency = 8


class HopesSoon(modelport.Model):
    """Awaits a model that waits."""

    async def predict(self, folder: str) -> int:
        try:
            return await modelport.model("waits").predict_async(folder=folder)
        except BaseException as error:
            tell(folder, f"{type(error).__name__} in who asks")
            raise


class Left(modelport.Model):
    """Asks its neighbour, once that is about to ask back."""

    own, other = "left", "right"

    def predict(self, folder: str = "", ask: bool = False) -> str:
        if ask:
            tell(folder, self.own)
            until(folder, self.other)
            return modelport.model(self.other).predict()
        return self.own


class Right(Left):
    """Its neighbour."""

    own, other = "right", "left"


class Circle(modelport.Model):
    """Asks who asks it."""

    def predict(self, model: str = "plain") -> int:
        return modelport.model(model).predict(number=1, model="circle")
