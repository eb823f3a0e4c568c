"""Where shared files lie: S3, Google's or Azure's store, or a folder that all servers see.

All calls block, and belong into a thread. Each of them ends: what an answer may take is bounded, and so is
for how long it is asked again. No object is ever changed under its key, so that servers undo nothing of each
other.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

from modelport.contract.kept_files import PARTIAL, sync
from modelport.storage.errors import StoreUnavailable

TIMES = {"connect_timeout": "5s", "timeout": "60s"}  # of one request
RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}
PART_BYTES = 16 << 20  # what is larger is sent in parts of this size, some at once
PARTS_AT_ONCE = 4
PIECE_BYTES = 1 << 20

T = TypeVar("T")


class FilesUnavailable(StoreUnavailable):
    """The place of shared files cannot be used now."""


class Found(NamedTuple):
    """An object: its size in bytes, and when it was made, in seconds since the epoch."""

    size: int
    made_at: float


class Place:
    """The objects under a URL. Raises `FilesUnavailable` if it cannot be used, and so do all calls."""

    def __init__(self, url: str):
        self.url = url
        try:
            self._library: Any = importlib.import_module("obstore")
            stores: Any = importlib.import_module("obstore.store")
        except ImportError as error:
            raise FilesUnavailable(
                "shared files need their library: pip install 'modelport[files]', or leave out --files-url"
            ) from error
        self._is_remote = not url.startswith("file:")
        self._store: Any = self._do(lambda: _opened(stores, url))

    def put(self, key: str, content: Path | bytes, name: str = "") -> None:
        """Make an object of a file or of bytes: it is whole, or not there. Raises `OSError` of the file.

        Who follows a link to it saves it as `name`, where links can be had.
        """
        how: dict[str, Any] = {"chunk_size": PART_BYTES, "max_concurrency": PARTS_AT_ONCE}
        if name and self._is_remote:
            said = f"attachment; filename*=utf-8''{quote(name, safe='')}"
            how["attributes"] = {"Content-Disposition": said, "Content-Type": "application/octet-stream"}
        self._do(lambda: self._library.put(self._store, key, content, **how))

    def link(self, key: str, seconds: float) -> str | None:
        """A URL by which anybody may read an object for so long; `None` where there is none: in a folder."""
        if not self._is_remote:
            return None
        lasts = timedelta(seconds=seconds)
        return self._do(lambda: self._library.sign(self._store, "GET", key, lasts))

    def has(self, key: str, size: int) -> bool:
        """Whether there is an object of this size."""
        try:
            return self._do(lambda: self._library.head(self._store, key))["size"] == size
        except FileNotFoundError:
            return False

    def read(self, key: str, sha256: str) -> bytes:
        """What an object holds. Raises `FileNotFoundError`."""
        data = b"".join(self._pieces(key))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise self._damaged(key)
        return data

    def fetch(self, key: str, sha256: str, target: Path) -> None:
        """Bring an object to a file, which is never half of it. Raises `FileNotFoundError`, `OSError`."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(f".{uuid4().hex}{PARTIAL}")
        try:
            digest = hashlib.sha256()
            partial.touch(mode=0o600, exist_ok=False)
            with partial.open("wb") as file:
                for piece in self._pieces(key):
                    digest.update(piece)
                    file.write(piece)
            if digest.hexdigest() != sha256:
                raise self._damaged(key)
            sync(partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _damaged(self, key: str) -> FilesUnavailable:
        return FilesUnavailable(f"{self.url}/{key} is not what was put there: restore it from a backup")

    def _pieces(self, key: str) -> Iterator[bytes]:
        found = self._do(lambda: self._library.get(self._store, key))
        stream = iter(found.stream(min_chunk_size=PIECE_BYTES))
        while (piece := self._do(lambda: next(stream, None))) is not None:
            yield bytes(piece)

    def folders(self, key: str) -> list[str]:
        """The names of the folders directly below one."""
        found = self._do(lambda: self._library.list_with_delimiter(self._store, key))
        return [folder.rstrip("/").rpartition("/")[2] for folder in found["common_prefixes"]]

    def objects(self, folder: str) -> dict[str, Found]:
        """The key of each object below a folder."""
        found = self._do(lambda: self._library.list(self._store, f"{folder}/").collect())
        return {one["path"]: Found(one["size"], one["last_modified"].timestamp()) for one in found}

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects. That one is not there is no error."""
        for key in keys:
            try:
                self._do(lambda key=key: self._library.delete(self._store, key))
            except FileNotFoundError:
                continue

    def _do(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except OSError:  # of a file of this disk, or an object that is not there
            raise
        except Exception as error:  # the library has no common class for all that may be wrong with a network
            said = f"the shared files at {self.url} cannot be used now: {_reason(error)}"
            raise FilesUnavailable(said) from error


def _opened(stores: Any, url: str) -> Any:
    scheme = urlsplit(url).scheme
    if scheme == "file":
        return stores.LocalStore.from_url(url, mkdir=True)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    client = TIMES | ({"allow_http": True} if endpoint.startswith("http:") else {})
    sums = {"checksum_algorithm": "SHA256"} if scheme == "s3" else {}
    return stores.from_url(url, config=sums, client_options=client, retry_config=RETRIES)


def _reason(error: Exception) -> str:
    """The first line of what the library says, whose rest is of no use to people."""
    said = str(error).strip().partition("\n\n")[0]
    return " ".join(said.split())[:500] or type(error).__name__
