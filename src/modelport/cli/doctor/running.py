"""A server that runs: what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, cast

import httpx

from modelport.cli.doctor.seen import Seen
from modelport.cli.server_connection import HOW_TO_TRUST
from modelport.client.exchange import is_distrusted
from modelport.client.reaching import Asker, reaching
from modelport.contract.errors import ModelportError

SUBJECT = "server"
CALL_SECONDS = 10.0
OTHERS = "start one, or name another with --url"
SKEW_SECONDS = 5.0  # of a time that is told in whole seconds


def seen_of_server(url: str) -> Iterator[Seen]:
    """What the server at `url` says to whoever commands ask as. Raises `ValueError`."""
    try:
        with httpx.Client(**reaching(url, {"timeout": CALL_SECONDS}, Asker(), httpx.HTTPTransport)) as client:
            answer = client.get("/v2/health/ready")
    except httpx.HTTPError as error:
        remedy = HOW_TO_TRUST if is_distrusted(error) else OTHERS
        yield Seen(SUBJECT, "error", f"{url}: no server of modelport answers ({error})", remedy)
        return
    except ModelportError as error:  # of what is kept for it
        yield Seen(SUBJECT, "error", str(error), "log in again, or give a key in MODELPORT_KEY")
        return
    try:
        body: Any = answer.json()
    except ValueError as error:
        yield Seen(SUBJECT, "error", f"{url}: no server of modelport answers ({error})", OTHERS)
        return
    if not isinstance(body, dict) or "models" not in body:
        yield Seen(
            SUBJECT, "error", f"{url}: it is no server of modelport, or does not let this one in",
            "give a key in MODELPORT_KEY, or name another server with --url",
        )  # fmt: skip
        return
    yield from _said(url, cast("dict[str, Any]", body))
    yield from _skew(answer)


def _said(url: str, body: dict[str, Any]) -> Iterator[Seen]:
    models: dict[str, Any] = body["models"]
    others: dict[str, int] = body.get("others", {})
    unnamed = [f"{count} {state} that you may not use" for state, count in others.items()]
    if body["ready"]:
        yield Seen(SUBJECT, "ok", f"{url}: it is ready, with {', '.join([*models, *unnamed]) or 'no model'}")
    for reason in body.get("reasons", []):
        yield Seen(SUBJECT, "error", f"{url}: {reason}", "see the log of the server")
    if not body["ready"] and not body.get("reasons"):
        states = ", ".join([*(f"{name} is {model['state']}" for name, model in models.items()), *unnamed])
        yield Seen(
            SUBJECT, "error", f"{url}: it is not ready: {states}",
            "a key that may read, in MODELPORT_KEY, is told why",
        )  # fmt: skip
    for what in ("database", "disk"):
        if body.get(what):
            yield Seen(SUBJECT, "warning", f"{url}: {body[what]}", f"see to its {what}")
    for name, model in models.items():
        if model.get("reload_error"):
            said = f"{url}: the files of {name} have changed and cannot be loaded: {model['reload_error']}"
            yield Seen(SUBJECT, "warning", said, "correct the files; the one before answers until then")


def _skew(answer: httpx.Response) -> Iterator[Seen]:
    try:
        skew = parsedate_to_datetime(answer.headers["date"]).timestamp() - time()
    except (KeyError, ValueError):
        return
    if abs(skew) > SKEW_SECONDS:
        yield Seen(
            SUBJECT, "warning", f"its clock differs by {skew:+.0f} s from the one here",
            "have both set by NTP",
        )  # fmt: skip
