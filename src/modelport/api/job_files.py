"""Files of jobs as answers: whole or in parts, though their job may be removed while they are sent."""

from __future__ import annotations

import asyncio
import os
import re
from email.utils import parsedate_to_datetime

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from modelport.problems import Problem

GONE = "the file is gone: its job was removed, or somebody else has removed it"
ONE_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})?|-(\d{1,18})")
MOST_RANGES = 100
KEPT = ("etag", "last-modified")  # of the headers, in a 304


class JobFile(FileResponse):
    """A file that is opened before the answer begins: who removes it then takes nothing from this client.

    Conditions and ranges are those of RFC 9110: what the client has already is 304, whatever it asks of it,
    and a Range that is none is ignored. Raises `Problem`: 404 if the file is not there any longer, 416 for
    ranges that all begin behind its end.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            descriptor = await asyncio.to_thread(os.open, self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Problem(404, GONE) from None
        try:
            self.stat_result = os.fstat(descriptor)
            self.set_stat_headers(self.stat_result)
            self.path = f"/proc/self/fd/{descriptor}"
            headers = Headers(scope=scope)
            if self._is_known(headers):
                kept = {name: self.headers[name] for name in KEPT}
                await Response(status_code=304, headers=kept)(scope, receive, send)
                return
            await super().__call__(self._with_ranges(scope, headers), receive, send)
        finally:
            os.close(descriptor)

    def _is_known(self, headers: Headers) -> bool:
        """True if the client has this file as it is, by the condition that it sends."""
        tags = headers.get("if-none-match")
        if tags is not None:
            known = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
            return "*" in known or self.headers["etag"] in known
        try:
            since = parsedate_to_datetime(headers.get("if-modified-since", ""))
            return parsedate_to_datetime(self.headers["last-modified"]) <= since
        except (TypeError, ValueError):  # no date, or one without a zone
            return False

    def _with_ranges(self, scope: Scope, headers: Headers) -> Scope:
        """The request with a Range that can be answered, or with none."""
        asked = headers.get("range")
        if asked is None:
            return scope
        other = [(name, value) for name, value in scope["headers"] if name != b"range"]
        ranges = _ranges(asked)
        condition = headers.get("if-range")
        if not ranges or (condition is not None and not self._should_use_range(condition)):
            return dict(scope) | {"headers": other}
        assert self.stat_result is not None
        size = self.stat_result.st_size
        good = [
            text for text, start in ranges if (start < size if start is not None else size and text != "-0")
        ]
        if not good:
            raise Problem(416, f"the file has {size} bytes", [("Content-Range", f"bytes */{size}")])
        return dict(scope) | {"headers": [*other, (b"range", f"bytes={','.join(good)}".encode())]}


def _ranges(asked: str) -> list[tuple[str, int | None]]:
    """The ranges of a Range header with where each begins, `None` if at its end; empty if it is none."""
    unit, _, listed = asked.partition("=")
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    if unit.strip().lower() != "bytes" or len(parts) > MOST_RANGES:
        return []
    found: list[tuple[str, int | None]] = []
    for part in parts:
        match = ONE_RANGE.fullmatch(part)
        if match is None or (match[1] and match[2] and int(match[2]) < int(match[1])):
            return []
        found.append((f"-{int(match[3])}" if match[3] else part, int(match[1]) if match[1] else None))
    return found
