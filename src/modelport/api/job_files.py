"""Files of jobs as answers: whole, though their job may be removed while they are sent."""

from __future__ import annotations

import asyncio
import os

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from modelport.api.problems import Problem

GONE = "the file is gone: its job was removed, or somebody else has removed it"


class JobFile(FileResponse):
    """A file that is opened before the answer begins: who removes it then takes nothing from this client.

    Raises `Problem` 404 if it is not there any longer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            descriptor = await asyncio.to_thread(os.open, self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Problem(404, GONE) from None
        try:
            self.path = f"/proc/self/fd/{descriptor}"
            await super().__call__(scope, receive, send)
        finally:
            os.close(descriptor)
