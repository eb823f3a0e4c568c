"""The one way modelport posts to a URL that a client names: behind the same guard as a fetch.

No redirect is followed, and of the answer only the status is used: its body is read a little, so that the
other side sees an orderly end, and thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import httpcore
from anyio.lowlevel import checkpoint

from modelport.security.connections import Resolve, checked_addresses, opened, system_resolve
from modelport.security.post_limits import PostLimits
from modelport.security.urls import UrlError, UrlFetchFailed, UrlNotAllowed, check_url

__all__ = ["PostLimits", "UrlError", "UrlFetchFailed", "UrlNotAllowed", "post_bytes"]

DRAIN_S = 1.0


async def post_bytes(
    url: str, body: bytes, headers: Mapping[str, str], limits: PostLimits, *, resolve: Resolve | None = None
) -> int:
    """Post `body` to a client's URL, within `limits`; the status of the answer, whatever it is.

    Raises `UrlNotAllowed`, or `UrlFetchFailed` if no status came. `resolve` replaces the system's name
    look-up; its answers are checked all the same.
    """
    checked = check_url(url, limits.allowed_ports)
    sent = [("Content-Length", str(len(body))), *headers.items()]
    status = 0
    try:
        with anyio.move_on_after(limits.total_deadline_s) as scope:
            addresses = await checked_addresses(checked, limits.allow_addresses, resolve or system_resolve)
            async with opened(checked, addresses, "POST", sent, body) as response:
                status = response.status
                scope.deadline = min(scope.deadline, anyio.current_time() + DRAIN_S)
                await _drain(response, limits.max_response_bytes)
    except UrlFetchFailed:
        if not status:
            raise  # after the status, whatever happens to the body is of no interest
    if not status:
        raise UrlFetchFailed(f"no answer within {limits.total_deadline_s} s")
    return status


async def _drain(response: httpcore.Response, max_bytes: int) -> None:
    """Read an answer's body to its end, or `max_bytes` of it, and forget it."""
    received = 0
    async for chunk in response.aiter_stream():
        received += len(chunk)
        if received >= max_bytes:
            return
        await checkpoint()  # one read may hold thousands of tiny chunks: let others run
