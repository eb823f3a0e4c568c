"""File arguments of the typed contract that are given as a URL, fetched through the guard."""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic
from typing import Any, cast

from modelport.contract.calls import Call
from modelport.contract.current_call import CurrentCall, place_of
from modelport.contract.errors import ArgumentErrors, BadRequest
from modelport.contract.places import Places
from modelport.contract.signature import Argument, Operation
from modelport.contract.traces import context_fields
from modelport.contract.uploaded_file import UploadedFile
from modelport.worker.frames import Load

TOTAL_SECONDS = 30.0  # for all the URLs of one request together


def fetch_url_inputs(call: Call, operation: Operation, places: Places, load: Load) -> None:
    """Put a fetched file in the place of each URL given for a file argument.

    Raises `ArgumentErrors` with one message for a URL that is not allowed and one that does not answer,
    so that nobody can learn which addresses exist behind the server, and `BadRequest` (507) if the disk
    is full. All URLs of a request share one deadline and one limit of bytes.
    """
    fetches: _Fetches | None = None
    for number, argument in enumerate(operation.arguments):
        urls = _urls(argument, places) if argument.is_upload else []
        if urls:
            fetches = fetches or _Fetches(call, load)
            places.form[argument.name] = [
                fetches.fetch(argument.name, url, f"url-{number}-{index}") for index, url in enumerate(urls)
            ]


def _urls(argument: Argument, places: Places) -> list[str]:
    """The URLs given for an argument: none if it holds anything else, the first if it takes one file."""
    name = argument.name
    given: Any = places.query.get(name) or places.form.get(name) or places.json.get(name) or []
    values = cast("list[Any]", given) if isinstance(given, list) else [given]
    if not all(isinstance(value, str) for value in values):
        return []
    return values[:1] if argument.kind == "file" else values


class _Fetches:
    """The fetches of one request, and what is left for them."""

    def __init__(self, call: Call, load: Load):
        self._call = call
        self._folder = Path(load.spool) / f"{call.id:x}"
        self._deadline = monotonic() + TOTAL_SECONDS
        self._bytes = load.max_url_bytes

    def fetch(self, name: str, url: str, file: str) -> UploadedFile:
        """The file behind `url`. `file` is its name on the disk, unique in the request."""
        from modelport.security.fetch import FetchLimits, UrlError, UrlFetchFailed, fetch_to_file_sync

        seconds = self._deadline - monotonic()
        path = self._folder / file
        try:
            if seconds <= 0:
                raise UrlFetchFailed(f"the URLs of one request took more than {TOTAL_SECONDS} s")
            self._folder.mkdir(mode=0o700, exist_ok=True)
            limits = FetchLimits(max_bytes=self._bytes, total_deadline_s=seconds)
            with CurrentCall(self._call).span("GET", **{"http.request.method": "GET"}):
                fields = context_fields(place_of(self._call))
                fetched = fetch_to_file_sync(url, path, limits, headers=fields)
        except UrlError as error:
            # For the operator only, in one line, and without the URL, which may hold a secret.
            print(f"the URL for {name!r} was not fetched: {' '.join(error.why.split())}", file=sys.stderr)
            raise ArgumentErrors({name: [str(error)]}) from error
        except OSError as error:
            raise BadRequest("the server has no room for the file behind this URL", 507) from error
        self._bytes -= fetched.size
        return UploadedFile(name, str(path), fetched.content_type, fetched.filename)
