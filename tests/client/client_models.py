"""Models that the tests of the client talk to."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webargs import fields

import modelport
from modelport import File

PNG = b"\x89PNG\r\n\x1a\n and the rest"


class Sums(modelport.Model):
    """A typed model: it answers bare."""

    def predict(
        self,
        numbers: list[float],
        name: str = "sum",
        options: dict[str, int] = {},
    ) -> dict[str, Any]:
        return {"name": name, "sum": sum(numbers), "options": options}


class Old:
    """A model for DEEPaaS: it answers in an envelope."""

    def get_metadata(self) -> dict[str, Any]:
        return {"name": "An old model", "version": "3"}

    def get_predict_args(self) -> dict[str, Any]:
        return {"text": fields.Str(required=True), "accept": fields.Str(missing="", location="query")}

    def predict(self, text: str, **others: Any) -> Any:
        return {"text": text}


class Files(modelport.Model):
    """Says what it got."""

    def predict(
        self,
        file: File,
        more: list[File] = [],
        tags: list[str] = [],
        note: str = "",
    ) -> dict[str, Any]:
        each = [file, *more]
        return {
            "names": [f.filename for f in each],
            "types": [f.content_type for f in each],
            "contents": [f.read().decode() for f in each],
            "tags": tags,
            "note": note,
        }


class Draws:
    """Answers a picture that has a name."""

    def predict(self) -> Any:
        path = Path(tempfile.mkdtemp()) / "picture of é.png"
        path.write_bytes(PNG)
        opened = path.open("rb")
        shutil.rmtree(path.parent)
        return opened


class Streams:
    """Streams text that looks like numbers, and values."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"fail": fields.Bool(missing=False)}

    def predict(self, fail: bool) -> Iterator[Any]:
        yield "5"
        yield "two\nlines"
        yield {"number": 1.5}
        if fail:
            raise ValueError("no more words")


class StreamsBytes(modelport.Model):
    def predict(self, fail: bool = False) -> Iterator[bytes]:
        yield b"\x00\x01"
        if fail:
            raise ValueError("no more bytes")
        yield b"\x02"


class Fails:
    def predict(self) -> Any:
        raise ValueError("the weights are lost")


class Refuses:
    def predict(self) -> Any:
        raise modelport.HTTPError(418, "a teapot")


class Trains(modelport.Model):
    """Long work of every kind."""

    def predict(self, number: int = 0, loss: str = "") -> dict[str, Any]:
        if loss:
            modelport.current_job().log_metric("loss", float(loss))
        return {"number": number}

    def train(self, epochs: int = 2, wait_for: str = "", fail: bool = False) -> dict[str, Any]:
        job = modelport.current_job()
        for epoch in range(1, epochs + 1):
            print(f"epoch {epoch}")
            job.log_metric("loss", 1 / epoch, step=epoch)
            job.progress(epoch, epochs, f"epoch {epoch}")
        _await(wait_for)
        if fail:
            raise ValueError("the loss is not finite")
        weights = job.checkpoint_dir / "weights.bin"
        weights.write_bytes(PNG)
        job.artifact(weights, "final/weights é.bin")
        return {"status": "OK", "predictions": epochs}

    def validate(self) -> float:
        return 0.75


class ReadsFile(modelport.Model):
    def predict(self, file: File) -> str:
        return file.read().decode()


class Slow(modelport.Model):
    """Takes a moment to load."""

    def __init__(self) -> None:
        time.sleep(1.0)

    def predict(self) -> str:
        return "at last"


def _await(path: str) -> None:
    """Wait until a file exists, or the job is to stop."""
    while path and not Path(path).exists() and not modelport.current_job().cancelled:
        time.sleep(0.01)
