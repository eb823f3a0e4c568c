"""Models that print, log and fail with what they are told to."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import modelport


class Talking(modelport.Model):
    """Says a text on stdout, by `logging`, from a thread of its own and past Python's streams."""

    def predict(self, text: str = "", fail: str = "") -> dict[str, Any]:
        if text:
            print("printed", end=" ")
            print(text)
            logging.getLogger("talking").warning("logged %s", text)
            thread = threading.Thread(target=print, args=[f"threaded {text}"])
            thread.start()
            thread.join()
            sys.stdout.write(f"half of {text}")
            sys.stdout.flush()
            os.write(1, f"\nwritten {text}\n".encode())
        if fail:
            raise ValueError(fail)
        return {}


class Together(modelport.Model):
    """Takes several calls at once, and prints for each of them before and after it has waited for a file."""

    async def predict(self, text: str = "", go_on: str = "") -> dict[str, Any]:
        print(f"{text} begins", end="", flush=True)
        while go_on and not Path(go_on).exists():  # noqa: ASYNC110 (tests/ tell it by a file)
            await asyncio.sleep(0.01)
        print()
        print(f"{text} ends")
        return {}


class InThreads(modelport.Model):
    """The same in threads."""

    max_concurrency = 8

    def predict(self, text: str = "", go_on: str = "") -> dict[str, Any]:
        print(text, "begins", end="", flush=True)
        while go_on and not Path(go_on).exists():
            time.sleep(0.01)
        print()
        print(text, "ends")
        return {}


class Asks(modelport.Model):
    """Has another model say it."""

    def predict(self, text: str = "") -> dict[str, Any]:
        return {"said": modelport.model("echo").predict(text=text)}


class Measures(modelport.Model):
    """Measures parts of its work, and asks another model in one of them."""

    def predict(self, text: str = "", fail: str = "", many: int = 0) -> dict[str, Any]:
        with modelport.current_call().span("outer", rows=3, odd=[1], ratio=0.5, right=True) as span:
            with modelport.current_call().span("inner"):
                if text:
                    modelport.model("echo").predict(text=text)
            span.set(said=text)
            if fail:
                raise ValueError(fail)
        for number in range(many):
            with modelport.current_call().span("one of many", number=number):
                pass
        return {}


class Streams(modelport.Model):
    """Measures what it does while its answer goes out."""

    def predict(self, text: str = "") -> Iterator[str]:
        with modelport.current_call().span("while it streams"):
            yield text


class Batches(modelport.Model):
    """Takes several calls together, and measures what belongs to none of them."""

    max_batch_size = 8
    max_wait_ms = 300

    def predict(self, text: str = "") -> str:
        raise NotImplementedError

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[str]:
        with modelport.current_call().span("of nobody"):
            return [call["text"] for call in calls]
