"""File arguments of the typed contract that are given as a URL, fetched through the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.contract.signature import Operation
from modelport.contract.uploaded_file import UploadedFile
from modelport.worker.frames import Call, Load


def fetch_url_inputs(call: Call, operation: Operation, places: Places, rules: Load) -> None:
    """Put a fetched file in the place of each URL given for a file argument.

    Raises `ArgumentErrors` with one message for a URL that is not allowed and one that does not answer,
    so that nobody can learn which addresses exist behind the server.
    """
    for argument in operation.arguments:
        if argument.is_upload:
            urls = _urls(argument.name, places)
            if urls:
                files = [_fetched(call, argument.name, i, url, rules) for i, url in enumerate(urls)]
                places.form[argument.name] = list(files)


def _urls(name: str, places: Places) -> list[str]:
    given: Any = places.query.get(name) or places.form.get(name) or places.json.get(name) or []
    values: list[Any] = given if isinstance(given, list) else [given]
    return [v for v in values if isinstance(v, str)] if all(isinstance(v, str) for v in values) else []


def _fetched(call: Call, name: str, index: int, url: str, rules: Load) -> UploadedFile:
    from modelport.security.fetch import FetchLimits, UrlFetchFailed, UrlNotAllowed, fetch_to_file_sync

    folder = Path(rules.spool) / f"{call.id:x}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"url-{name if name.isidentifier() else 'file'}-{index}"
    try:
        fetched = fetch_to_file_sync(url, path, FetchLimits(max_bytes=rules.max_url_bytes))
    except (UrlNotAllowed, UrlFetchFailed) as error:
        raise ArgumentErrors({name: [str(error)]}) from error
    return UploadedFile(name, str(path), fetched.content_type, fetched.filename)
