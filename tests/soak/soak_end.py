"""How a soak ends: what its servers serve, what lies in its folders, what should not be there any more."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from history import Record
from history_site import until
from soak_acts import MODEL
from soak_calls import PATH, Call
from soak_judge import Ledger
from soak_site import Supervised
from soaked import weights

FOLLOW_SECONDS = 30.0
GONE_SECONDS = 20.0  # within which what was on nodes has noticed that its server, or its node, is gone
BUG_LINES = 25
LOADED = 3  # versions that are asked themselves, each of which has to be loaded


async def ledger_of(supervised: Supervised, calls: list[dict[str, Any]]) -> Ledger:
    """Settle, read what is there, stop everything, and read what is there still."""
    site = supervised.site
    site.settle()
    ledger = Ledger(history=[], calls=[Call(**call) for call in calls])
    ledger.left += supervised.lost
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(httpx.Client(base_url=site.url(n), timeout=60.0))
            for n in range(len(site.ports))
        ]
        _read_promotions(ledger, clients)
        _read_runs(ledger, clients, site.so_far())
    supervised.rest()
    supervised.stopped()
    last = list(enumerate(site.servers))
    ledger.history = await site.whole_history()
    server = supervised.start(0)  # which sweeps what those before it have left
    ledger.left += [] if server.stop() == 0 else ["a server did not end as it should"]
    site.servers[0] = None
    for number, one in (*last, (0, server)):
        if one is not None:
            supervised.write_log(number, one.log)
    ledger.bugs += [bug for number in range(len(site.ports)) for bug in _bugs(supervised.log_of(number))]
    nodes = supervised.nodes
    if nodes is not None:
        until(lambda: not nodes.processes(), GONE_SECONDS)
        ledger.left += [f"{process} is left on a node" for process in nodes.processes()]
        nodes.end()
    ledger.left += _left_files(supervised, ledger.history)
    until(lambda: not _left_processes(supervised.folder), GONE_SECONDS)
    ledger.left += _left_processes(supervised.folder)
    return ledger


def _read_promotions(ledger: Ledger, clients: list[httpx.Client]) -> None:
    listed = (
        clients[0].get(f"{MODEL}/promotions", params={"limit": 500}).raise_for_status().json()["promotions"]
    )
    ledger.promotions = [
        {**one, "at": datetime.fromisoformat(one["at"]).timestamp()} for one in reversed(listed)
    ]
    last = ledger.promotions[-1]["after"] if listed else 0
    for client in clients:
        until(lambda client=client: _served(client)[0] == last, FOLLOW_SECONDS)
        ledger.serves.append(_served(client))


def _served(client: httpx.Client) -> tuple[int, int]:
    """What a server says is live, and the factor of its answers."""
    live = client.get(f"{MODEL}/aliases/live").raise_for_status().json()["version"]
    answer = client.post(PATH, json={"number": 1}).raise_for_status().json()
    return live, answer.get("predictions", answer)["factor"]


def _read_runs(ledger: Ledger, clients: list[httpx.Client], history: list[Record]) -> None:
    query = {"order_by": "newest", "top": 1000}
    found = clients[0].get(f"{MODEL}/runs", params=query).raise_for_status().json()["runs"]
    ledger.runs = {run["run_id"]: run["version"] for run in found}
    trained = {
        r.value["job"]: r.value["factor"]
        for r in history
        if r.op == "submit" and r.ok and "factor" in r.value
    }
    for number, (job, version) in enumerate(ledger.runs.items()):
        client = clients[number % len(clients)]
        saved = client.get(f"/v2/jobs/{job}/artifacts/model/model.json")
        left = client.get(f"/v2/jobs/{job}/artifacts/weights")
        if saved.status_code != 200 or left.status_code != 200:
            ledger.files.append(f"{job}: its files are answered {saved.status_code} and {left.status_code}")
            continue
        ledger.factors[version] = saved.json()["factor"]
        if left.content != weights(trained.get(job, saved.json()["factor"])):
            ledger.files.append(f"{job}: its weights are not those that it left")
        if number < LOADED:
            answer = _asked(client, version)
            if f'"factor":{ledger.factors[version]}' not in answer.text.replace(" ", ""):
                ledger.files.append(f"version {version} answers {answer.status_code} {answer.text}")


def _asked(client: httpx.Client, version: int) -> httpx.Response:
    """The answer of a version, once there is room for it beside what is loaded for the last promotions."""
    answers: list[httpx.Response] = []

    def is_answered() -> bool:
        answers.append(client.post(f"{MODEL}/versions/{version}/predict/", json={"number": 1}))
        return answers[-1].status_code != 503

    until(is_answered, FOLLOW_SECONDS)
    return answers[-1]


def _bugs(log: str) -> list[str]:
    """The tracebacks of a log, with the line before."""
    lines = log.splitlines()
    begins = [number for number, line in enumerate(lines) if "Traceback (most recent" in line]
    return ["\n".join(lines[max(0, begin - 1) : begin + BUG_LINES]) for begin in begins]


def _left_files(supervised: Supervised, history: list[Record]) -> list[str]:
    jobs = {record.key for record in history if record.op == "final"}
    data = supervised.site.data
    left = [path for path in data.glob("jobs/??/*") if path.name not in jobs]
    left += [path for path in data.rglob("*") if path.name.endswith((".part", ".partial", ".tmp"))]
    left += [path for path in data.glob("servers/*/*/*") if path.name != "lock"]
    left += list(supervised.spool.iterdir())
    if supervised.nodes is not None:
        left += list(supervised.nodes.temporary.iterdir())
    return [f"{path.relative_to(supervised.folder)} is nobody's" for path in left]


def _left_processes(folder: Path) -> list[str]:
    """Processes that were given something in the folder of the soak: all that servers start are."""
    mine, found = psutil.Process().pid, []
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        words = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        if process.info["pid"] != mine and any(str(folder) in word for word in words):
            found.append(f"{process} is left: {process.info['cmdline']}")
    return found
