"""The place of shared files: is it there, and may this server read it?"""

from __future__ import annotations

from collections.abc import Iterator

from modelport.cli.doctor.seen import Seen
from modelport.settings import Settings
from modelport.storage.files.place import FilesUnavailable, Place

SUBJECT = "files"
REMEDY = (
    "see that the URL, the keys (AWS_ACCESS_KEY_ID and so on) and the endpoint are right, and the network"
)


def seen_of_files(settings: Settings) -> Iterator[Seen]:
    """What there is to say of it. Nothing is written there."""
    url = settings.files_url
    if url is None:
        return
    try:
        Place(url).folders("jobs")
    except (FilesUnavailable, OSError) as error:
        yield Seen(SUBJECT, "error", str(error), REMEDY)
    else:
        yield Seen(SUBJECT, "ok", f"the shared files at {url} can be read")
    if not settings.database_url:
        yield Seen(SUBJECT, "note", "files_url without database_url: no other server can know of these files")
    elif settings.webhook_secret is None:
        yield Seen(
            SUBJECT, "warning", "each server with a disk of its own signs webhooks with a secret of its own",
            "give all of them the same webhook_secret",
        )  # fmt: skip
