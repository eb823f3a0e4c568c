"""What a prediction answered: a value out of JSON, bytes of another media type, or a stream of pieces."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import unquote

import httpx

from modelport.client.errors import ModelFailed
from modelport.client.server_events import EventParser

ENVELOPE = {"status", "predictions"}
PROBLEM = {"type", "title", "status", "detail", "request_id"}
EVENT_STREAM = "text/event-stream"
JSON_LINES = "application/x-ndjson"
# Lines of JSON keep every value as it was; an event stream makes text of them.
STREAM_ACCEPT = f"{JSON_LINES}, {EVENT_STREAM};q=0.9, */*;q=0.5"
TABLES = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.arrow.file": "arrow",
}
EXTENDED_NAME = re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE)
PLAIN_NAME = re.compile(r'filename="([^"]*)"', re.IGNORECASE)
CHARSET = re.compile(r'charset="?([\w-]+)', re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """An answer that is no JSON: a picture, a table, a file. `name` is its file name if it has one."""

    content: bytes
    content_type: str
    name: str = ""

    @property
    def text(self) -> str:
        """The content as text."""
        charset = CHARSET.search(self.content_type)
        return self.content.decode(charset[1] if charset else "utf-8", "replace")

    def to_pandas(self) -> Any:
        """A table (CSV, Parquet or Arrow) as a DataFrame. Raises `TypeError` for anything else."""
        media = self.content_type.partition(";")[0].strip().lower()
        if media not in TABLES:
            raise TypeError(f"{self.content_type or 'an answer without a type'} is no table")
        pandas: Any = import_module("pandas")
        content = io.BytesIO(self.content)
        if TABLES[media] == "arrow":
            ipc: Any = import_module("pyarrow.ipc")
            is_file = self.content.startswith(b"ARROW1")
            return (ipc.open_file if is_file else ipc.open_stream)(content).read_all().to_pandas()
        return getattr(pandas, f"read_{TABLES[media]}")(content)

    def save(self, path: str | Path) -> Path:
        """Write it to a file, or under its own name to a folder; returns the file. Raises `OSError`."""
        place = place_of(path, self.name)
        place.write_bytes(self.content)
        return place

    def __repr__(self) -> str:
        return f"Content({len(self.content)} bytes of {self.content_type})"


def place_of(path: str | Path, name: str) -> Path:
    """Where to save a file: `path` itself, or if that is a folder, in it under the last part of `name`."""
    place = Path(path)
    if not place.is_dir():
        return place
    last = PurePosixPath(name).name
    if last in ("", ".."):
        raise IsADirectoryError(f"{place} is a folder, and what is to be saved has no name of its own")
    return place / last


def prediction_of(response: httpx.Response) -> Any:
    """What the model's `predict` returned: out of DEEPaaS's envelope, if it came in one."""
    return without_envelope(value_of(response))


def without_envelope(value: Any) -> Any:
    """The predictions of `{"status": "OK", "predictions": …}`; any other value as it is."""
    body = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    is_envelope = body.keys() == ENVELOPE and body["status"] == "OK"
    return body["predictions"] if is_envelope else cast("Any", value)


def value_of(response: httpx.Response) -> Any:
    """The value of a JSON answer; a `Content` of any other."""
    content_type = response.headers.get("content-type", "")
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        try:
            return json.loads(response.content)
        except ValueError as error:
            request_id = response.headers.get("x-request-id", "")
            raise ModelFailed(response.status_code, f"the answer is no JSON: {error}", request_id) from None
    return Content(response.content, content_type, _name_of(response.headers))


def _name_of(headers: httpx.Headers) -> str:
    disposition = headers.get("content-disposition", "")
    if found := EXTENDED_NAME.search(disposition):
        return unquote(found[1])
    found = PLAIN_NAME.search(disposition)
    return found[1] if found else ""


class PieceReader:
    """Turns the bytes of a streamed answer into its pieces, by its media type.

    Lines of JSON become values, events texts; any other stream is its chunks of bytes.
    """

    def __init__(self, response: httpx.Response):
        self._request_id = response.headers.get("x-request-id", "")
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        readers: dict[str, Callable[[bytes], Iterator[Any]]] = {
            EVENT_STREAM: self._events,
            JSON_LINES: self._lines,
            "application/json": self._whole,
        }
        self._read = readers.get(media, _chunks)
        self._parser = EventParser()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unfinished: list[str] = []
        self._is_whole = media == "application/json"

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """The pieces that end within this chunk. Raises `ModelFailed` if the stream says so."""
        return self._read(chunk)

    def finish(self) -> Iterator[Any]:
        """What is left when the stream has ended: all of it, if the model did not stream."""
        rest = "".join(self._unfinished)
        if rest:
            value = json.loads(rest)
            yield without_envelope(value) if self._is_whole else self._unless_error(value)

    def broken(self) -> ModelFailed:
        """The error of a stream that was cut short: the server does that when the model fails."""
        return ModelFailed(
            200, "the answer was cut short: the model failed, or the connection broke", self._request_id
        )

    def _events(self, chunk: bytes) -> Iterator[str]:
        for event in self._parser.feed(chunk):
            if event.name == "error":
                raise ModelFailed(200, event.data, self._request_id)
            yield event.data

    def _lines(self, chunk: bytes) -> Iterator[Any]:
        first, *others = self._decode(chunk).split("\n")
        self._unfinished.append(first)
        if others:
            lines = ["".join(self._unfinished), *others[:-1]]
            self._unfinished = [others[-1]]
            for line in lines:
                if line:
                    yield self._unless_error(json.loads(line))

    def _unless_error(self, value: Any) -> Any:
        """A piece. Raises `ModelFailed` for the problem that ends the lines of a model that failed."""
        found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if found.keys() >= PROBLEM and self._request_id and found["request_id"] == self._request_id:
            raise ModelFailed(int(found["status"]), str(found["detail"]), self._request_id)
        return cast("Any", value)

    def _whole(self, chunk: bytes) -> Iterator[Any]:
        self._unfinished.append(self._decode(chunk))
        return iter(())


def _chunks(chunk: bytes) -> Iterator[bytes]:
    yield chunk
