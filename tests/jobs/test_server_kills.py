"""kill -9 of a whole server at every fail-point: after a restart K1 to K10 hold in what its clients saw."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import httpx
import pytest
from history_rules import broken_rules
from history_site import Site, until

import modelport
from modelport.storage import failpoints

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ASYNC = {"Prefer": "respond-async"}
LARGE = 2_000_000  # bytes; a result of that size is a file
# Places that only a server comes to which finds something at its start: a life goes before.
SECOND_LIFE = {"prune.before", "prune.after", "prune.stored", "prune.removed", "rescue.after"}
# Of the store's places, at each of which test_kills.py kills a store, those whose end a client may see.
STORE = {"commit.after", "claim.after", "finish.after", "rescue.after"}
KILL_SECONDS = 20.0


def test_every_place_in_the_code_is_known_and_every_known_place_is_in_the_code() -> None:
    source = Path(modelport.__file__).parent
    text = "".join(path.read_text() for path in source.rglob("*.py"))
    assert set(re.findall(r'failpoints\.reach\("([^"]+)"\)', text)) == failpoints.NAMES


def submit(site: Site, client: httpx.Client, *, hook: bool = True, **body: object) -> str:
    """Ask for a prediction; returns its id."""
    headers = ASYNC | ({"Job-Callback-URL": site.receiver.url} if hook else {})
    with site.recorder.operation("client", "submit", principal="") as record:
        arguments = {"side": str(site.side), **body}
        answer = client.post("/v2/models/n/predict/", json=arguments, headers=headers)
        assert answer.status_code == 202, answer.text
        record.type, record.value["job"] = "ok", answer.json()["id"]
    return record.value["job"]


def live(site: Site, client: httpx.Client) -> None:
    """Do what brings a server to every place but those of a start, and cancel one job."""
    with site.recorder.operation("client", "submit", principal="") as record:
        files = {"table": ("a.csv", b"1,2")}
        answer = client.post("/v2/models/n/train/", data={"side": str(site.side)}, files=files)
        record.type, record.value["job"] = "ok", answer.json()["uuid"]
    submit(site, client, size=LARGE)
    submit(site, client, seconds=0.2)
    last = submit(site, client, seconds=30)
    with site.recorder.operation("client", "cancel", last) as record:
        record.value["state"] = client.delete(f"/v2/jobs/{last}").json()["state"]
        record.type = "ok"


def first_life(site: Site, name: str) -> None:
    """Leave a job that has ended; for a rescue, one that runs as well."""
    client = site.start().client
    old = submit(site, client, hook=False)
    assert until(lambda: client.get(f"/v2/jobs/{old}").json()["state"] == "succeeded", KILL_SECONDS)
    if name.startswith("prune"):
        site.recorder.note("nemesis", "prune", jobs=[old])
    with site.recorder.operation("nemesis", "fault", "server") as record:
        if name == "rescue.after":
            left = submit(site, client, seconds=1)
            assert until(lambda: left in site.side.read_text(), KILL_SECONDS)
        site.kill()
        record.type = "ok"


def die(site: Site, name: str) -> None:
    """Live until the server dies at the place; fails if it never comes there."""
    options = ("--keep-jobs=0.001s",) if name.startswith("prune") else ()
    with site.recorder.operation("nemesis", "fault", name) as record:
        try:
            server = site.start(0, *options, **{failpoints.VARIABLE: f"{name}:kill@1"})
            live(site, server.client)
        except (httpx.TransportError, AssertionError):
            pass  # its end came before that of its life
        process = site.process
        assert process is not None
        assert until(lambda: process.poll() is not None, KILL_SECONDS), f"{name} was never reached"
        assert process.returncode == -signal.SIGKILL
        site.kill()
        site.start()
        record.type = "ok"


@pytest.mark.parametrize("name", sorted(failpoints.SERVER | STORE))
async def test_a_server_that_is_killed_there_loses_nothing(
    name: str, tmp_path: Path, anyio_backend: str
) -> None:
    site = Site(tmp_path)
    try:
        if name in SECOND_LIFE:
            first_life(site, name)
        die(site, name)
        submit(site, site.servers[0].client)  # it serves as before
        site.settle()
        history = await site.whole_history()
    finally:
        site.close()
    assert broken_rules(history) == {}
