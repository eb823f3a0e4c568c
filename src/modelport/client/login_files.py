"""What `modelport login` keeps, for the commands and clients of this user: a file for each server.

They are in `$XDG_CONFIG_HOME/modelport/logins`, or `~/.config/modelport/logins`, which this user alone may
read. A file is never written in place: whoever reads it, at whatever moment, finds all of it, and a power cut
leaves the one before. Who changes one has the turn for that (`LoginFile.turn`): a lock of the kernel, which
ends with its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anyio
import httpx
import msgspec

from modelport.client.errors import TimedOut
from modelport.contract.errors import ModelportError
from modelport.home import expanded

TURN_SECONDS = 30.0  # that somebody may take who renews a token
PAUSE_SECONDS = 0.02


class Kept(msgspec.Struct, frozen=True):
    """What to send to the server at `url`: a key, or a token of `user`.

    A token is renewed with its `refresh_token` from `old_at` (seconds of the epoch) on; a key has none. One
    of an `issuer` is renewed there, by the client that commands are to it, if there is a `refresh_token`.
    """

    url: str
    token: str
    user: str = ""
    refresh_token: str = ""
    old_at: float = 0.0
    issuer: str = ""
    client_id: str = ""


class LoginFile:
    """What is kept for the server at `url`, however its address is written. Raises `httpx.InvalidURL`."""

    def __init__(self, url: str):
        self.url = _normal(url)
        name = hashlib.sha256(self.url.encode()).hexdigest()[:32]
        self.path = login_folder() / f"{name}.json"

    def read(self) -> Kept | None:
        """What is kept, if anything is. Raises `ModelportError` for a file that cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.DecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is none of ours, or damaged"
            raise ModelportError(
                f"{self.path}, what is kept for {self.url}: {reason}; remove it, and log in again"
            ) from error

    def write(self, kept: Kept) -> None:
        """Keep this in the place of what was there. Raises `ModelportError` if it cannot be written."""
        try:
            self._make_folder()
            file, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem)  # mode 0600
            try:
                with os.fdopen(file, "wb") as opened:
                    opened.write(msgspec.json.encode(kept))
                    opened.flush()
                    os.fsync(file)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink()
                raise
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self) -> None:
        """Keep nothing for this server. Raises `ModelportError` if it stays there."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    @contextlib.contextmanager
    def turn(self) -> Generator[None]:
        """While this is open, nobody else has a turn. Raises `ModelportError` if none comes."""
        ends = time.monotonic() + TURN_SECONDS
        while (lock := self._take_turn()) is None:
            self._check_time(ends)
            time.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            os.close(lock)

    @contextlib.asynccontextmanager
    async def awaited_turn(self) -> AsyncGenerator[None]:
        """`turn` for those who await."""
        ends = time.monotonic() + TURN_SECONDS
        while (lock := self._take_turn()) is None:
            self._check_time(ends)
            await anyio.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            os.close(lock)

    def _take_turn(self) -> int | None:
        """The lock, which is let go by closing it; `None` if somebody has it."""
        try:
            self._make_folder()
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError as error:
            os.close(lock)
            raise self._unwritable(error) from error
        return lock

    def _make_folder(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _check_time(self, ends: float) -> None:
        if time.monotonic() > ends:
            raise TimedOut(
                f"another program has renewed what is kept for {self.url} for {TURN_SECONDS:g} seconds"
            )

    def _unwritable(self, error: OSError) -> ModelportError:
        return ModelportError(f"{self.path}, where the log-in at {self.url} is kept: {error.strerror}")


def login_folder() -> Path:
    """Where the files are."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if home.startswith("/") else expanded("~/.config")) / "modelport" / "logins"


def _normal(url: str) -> str:
    """One of the ways to write this address: the host in lower case, no port that says nothing, no slash."""
    if not url.startswith(("http://", "https://")):
        return url.rstrip("/")
    given = httpx.URL(url)
    return str(httpx.URL(scheme=given.scheme, host=given.host, port=given.port, path=given.path)).rstrip("/")
