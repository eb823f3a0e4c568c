"""Posts batches of spans to a collector, as OTLP over HTTP wants it, and tries again what may go then.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import math
import threading
import zlib
from random import uniform
from time import monotonic

import httpx

from modelport import __version__
from modelport.telemetry.traces.variables import Sending

TRY_AGAIN = (429, 502, 503, 504)
PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds from a try to the next, about
COMPRESSED = {"none": bytes, "gzip": gzip.compress, "deflate": zlib.compress}


class Poster:
    """Posts to one collector, in one thread. It gives up what it tries again when `ending` is set.

    Raises `OSError` and `ValueError` for certificates that cannot be read, and an address that is none.
    """

    def __init__(self, how: Sending, ending: threading.Event):
        self._how = how
        self._ending = ending
        self._headers = {
            "user-agent": f"modelport/{__version__}",
            "accept-encoding": "identity",
            **how.headers,
            "content-type": "application/x-protobuf",
        }
        if how.compression != "none":
            self._headers["content-encoding"] = how.compression
        verify = httpx.create_ssl_context(verify=how.authority or True)
        if how.certificate:
            verify.load_cert_chain(how.certificate, how.key or None)
        self._client = httpx.Client(verify=verify, follow_redirects=False)

    def post(self, body: bytes) -> str:
        """Post an `ExportTraceServiceRequest`. Returns why it was not taken; nothing if it was."""
        deadline = monotonic() + self._how.timeout
        body = COMPRESSED[self._how.compression](body)
        failed, least = self._once(body, self._how.timeout)
        for pause in PAUSES:
            if not failed or math.isinf(least):
                break
            wait = max(pause * uniform(0.8, 1.2), least)
            if monotonic() + wait >= deadline or self._ending.wait(wait):
                break
            failed, least = self._once(body, deadline - monotonic())
        return failed

    def _once(self, body: bytes, seconds: float) -> tuple[str, float]:
        """Why it was not taken, and for how many seconds it will not be: for ever, if it is wrong."""
        try:
            answer = self._client.post(
                self._how.url, content=body, headers=self._headers, timeout=max(seconds, 0.01)
            )
        except httpx.TransportError as error:
            return str(error) or type(error).__name__, 0.0
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return str(error) or type(error).__name__, math.inf
        if 200 <= answer.status_code < 300:
            return "", 0.0
        least = (
            _seconds(answer.headers.get("retry-after", "")) if answer.status_code in TRY_AGAIN else math.inf
        )
        return f"it answers {answer.status_code}", least

    def close(self) -> None:
        """End the connections."""
        self._client.close()


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() and len(retry_after) < 9 else 0.0
