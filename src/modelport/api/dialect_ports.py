"""The ports of dialects that are spoken at their own, as whoever serves sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from modelport.http.tls_files import Certificates


class DialectPort(Protocol):
    """What a dialect listens at, where it is spoken at a port of its own. It is used in the server's loop."""

    async def bind(self, certificates: Certificates | None) -> None:
        """Take the address. Raises `CannotListen`."""
        ...

    async def open(self) -> None:
        """Begin to answer."""
        ...

    def stop_listening(self) -> None:
        """Let those go for whom nothing is under way."""
        ...

    async def end(self, seconds: float) -> None:
        """Wait so long for what is under way, and let go of the address. It may be called again."""
        ...

    def cut(self) -> None:
        """Wait for nothing any more."""
        ...


class DialectPorts:
    """All of them."""

    def __init__(self, ports: Sequence[DialectPort]):
        self._ports = ports

    async def bind(self, certificates: Certificates | None) -> None:
        """Take the addresses. Raises `CannotListen`."""
        for port in self._ports:
            await port.bind(certificates)

    async def open(self) -> None:
        """Begin to answer."""
        for port in self._ports:
            await port.open()

    def stop_listening(self) -> None:
        """Let those go for whom nothing is under way."""
        for port in self._ports:
            port.stop_listening()

    async def end(self, seconds: float) -> None:
        """Wait so long for what is under way, and let go of the addresses."""
        await asyncio.gather(*(port.end(seconds) for port in self._ports))

    def cut(self) -> None:
        """Wait for nothing any more."""
        for port in self._ports:
            port.cut()
