"""The connection of a command to a running server, with what goes wrong in words for its user."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from types import TracebackType
from typing import TypeVar

import click
import httpx

from modelport.client.calls import Calls, ModelNotNamed
from modelport.client.errors import ConnectionFailed, PromotionRefused
from modelport.client.exchange import Flow, is_distrusted
from modelport.client.reaching import Asker, reaching
from modelport.client.sync_connection import SyncConnection
from modelport.contract.errors import ModelportError
from modelport.variables import CA_FILE

DEFAULT_URL = "http://127.0.0.1:5000"
CALL_SECONDS = 30.0
HOW_TO_TRUST = f"name the file of its authority in {CA_FILE}"
OF_THE_USER = Asker()  # the key in MODELPORT_KEY, or what is kept for the server
LOST_SECONDS = 300.0  # how long a server may be away while a job is followed
T = TypeVar("T")


class ServerConnection:
    """Asks a server. Use it in a `with` block. `hint` is what else a user could do without a server."""

    def __init__(
        self,
        url: str | None,
        *,
        call_seconds: float = CALL_SECONDS,
        hint: str = "",
        who: Asker = OF_THE_USER,
    ):
        self.url = url or DEFAULT_URL
        self._hint = hint
        try:
            http = httpx.Client(**reaching(self.url, {}, who, httpx.HTTPTransport))
        except (ValueError, httpx.InvalidURL) as error:
            raise click.UsageError(f"Invalid value for '--url': {error}") from None
        except ModelportError as error:  # what is kept for it
            raise click.ClickException(str(error)) from None
        self.calls = Calls(call_seconds)
        self.connection = SyncConnection(http, self.calls, LOST_SECONDS)

    def __enter__(self) -> ServerConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.connection.http.close()

    def run(self, flow: Flow[T]) -> T:
        """Take the steps of a flow. Raises `PromotionRefused`, and `ClickException` for all else."""
        with self.errors():
            return self.connection.run(flow)

    @contextlib.contextmanager
    def errors(self) -> Generator[None]:
        """Turns the client's errors into sentences for the user of a command."""
        try:
            yield
        except PromotionRefused:
            raise
        except ConnectionFailed as error:
            if is_distrusted(error):
                raise click.ClickException(
                    f"{self.url}: {error.__cause__ or error}; {HOW_TO_TRUST}"
                ) from None
            raise click.ClickException(
                f"no server answers at {self.url} ({error.__cause__ or error}): start one with `modelport "
                f"serve`, name another with --url or MODELPORT_URL{self._hint}"
            ) from None
        except ModelportError as error:
            raise click.ClickException(f"{self.url}: {error}") from None
        except ModelNotNamed as error:
            raise click.UsageError(f"Missing option '--model': {error}") from None
        except (KeyError, TypeError, ValueError) as error:  # some other program listens there
            raise click.ClickException(f"{self.url}: this is no modelport server ({error!r})") from None
