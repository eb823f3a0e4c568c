"""Clients that ask, read, walk, follow and cancel while a nemesis kills their servers."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from typing import Any

import httpx
import psutil
from history import Record
from history_final import text_of
from history_site import Site, until
from job_calls import read_events

ASYNC = {"Prefer": "respond-async"}
KEYS = 12  # so few that most of them come again
Act = Callable[[str, httpx.Client, random.Random], None]


class Clients:
    """Threads that use a site until they are told to stop."""

    def __init__(self, site: Site, seed: int):
        self.site = site
        self.seed = seed
        self.stop = threading.Event()
        self.known: list[str] = []  # jobs that were confirmed
        self.failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def begin(self, *others: Act) -> None:
        """Start them all, and others that do something else."""
        acts = [self.submit, self.submit, self.read, self.read, self.walk, self.follow, *others]
        for number, act in enumerate(acts):
            name = f"{act.__name__} {number}"
            self._threads.append(threading.Thread(target=self._go, args=(name, number, act), daemon=True))
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop them; raises the first mistake that one of them made."""
        self.stop.set()
        for thread in self._threads:
            thread.join(30)
        if self.failures:
            raise self.failures[0]

    def _go(self, name: str, number: int, act: Act) -> None:
        dice = random.Random(f"{self.seed} {name}")
        url = self.site.url(number % len(self.site.ports))
        try:
            with httpx.Client(base_url=url, timeout=10) as client:
                while not self.stop.wait(dice.uniform(0.05, 0.4)):
                    with contextlib.suppress(httpx.TransportError):  # unknown: the record stays as it is
                        act(name, client, dice)
        except BaseException as error:  # the test's own mistake, raised at the end
            self.failures.append(error)

    def _one(self, dice: random.Random) -> str:
        return dice.choice(self.known) if self.known else "none"

    # -- what they do ------------------------------------------------------------------------------

    def submit(self, name: str, client: httpx.Client, dice: random.Random) -> None:
        """Ask for a prediction, with and without a key, often a second time with the same one."""
        if self.stop.wait(0.4):
            return
        number = dice.randrange(KEYS) if dice.random() < 0.4 else dice.randrange(100, 10**9)
        key = f"key {number}".replace(" ", "-") if number < KEYS else ""
        body = {"side": str(self.site.side), "seconds": (number % 7) / 20, "number": number}
        headers = {**ASYNC, **({"Idempotency-Key": key} if key else {})}
        if number % 3 == 0:
            headers["Job-Callback-URL"] = self.site.receiver.url
        with self.site.recorder.operation(name, "submit", key, principal="") as record:
            answer = client.post("/v2/models/n/predict/", json=body, headers=headers)
            place = answer.headers.get("location") or answer.headers.get("content-location")
            if answer.status_code in (200, 202) and place is None:  # no job: the server has no database yet
                assert not {"Idempotency-Key", "Job-Callback-URL"} & set(headers), answer.text
                record.type = "fail"
            elif answer.status_code in (200, 202):
                job = place.split("/")[3]
                record.type, record.value["job"] = "ok", job
                self.known.append(job)
            else:
                assert answer.status_code in (503, 507), answer.text
        if dice.random() < 0.1 and record.ok:
            self._cancel(name, client, record.value["job"])

    def read(self, name: str, client: httpx.Client, dice: random.Random) -> None:
        """Look at a job, its result or its events so far; cancel it now and then."""
        job = self._one(dice)
        what = dice.random()
        if what < 0.05:
            self._cancel(name, client, job)
        elif what < 0.7:
            with self.site.recorder.operation(name, "get", job) as record:
                self._say(record, client.get(f"/v2/jobs/{job}"), "state", "revision")
        else:
            with self.site.recorder.operation(name, "result", job) as record:
                answer = client.get(f"/v2/jobs/{job}/result")
                if answer.status_code != 409:  # it has none
                    self._say(record, answer)
                    record.value |= {"result": answer.text} if answer.status_code == 200 else {}

    def _cancel(self, name: str, client: httpx.Client, job: str) -> None:
        with self.site.recorder.operation(name, "cancel", job) as record:
            self._say(record, client.delete(f"/v2/jobs/{job}"), "state")

    def _say(self, record: Record, answer: httpx.Response, *fields: str) -> None:
        if answer.status_code == 404:
            record.type, record.value = "ok", {"missing": True}
        elif answer.status_code < 300:
            record.type = "ok"
            record.value |= {field: answer.json()[field] for field in fields}
        else:
            assert answer.status_code == 503, answer.text

    def walk(self, name: str, client: httpx.Client, dice: random.Random) -> None:
        """All pages of the list of jobs."""
        with self.site.recorder.operation(name, "walk") as record:
            found: list[str] = []
            query: dict[str, Any] = {"limit": dice.randint(3, 20)}
            while True:
                answer = client.get("/v2/jobs", params=query)
                if answer.status_code != 200:
                    return
                page = answer.json()
                found += [job["id"] for job in page["jobs"]]
                query["cursor"] = page["next_cursor"]
                if query["cursor"] is None:
                    break
            record.type, record.value = "ok", {"jobs": found}

    def follow(self, name: str, client: httpx.Client, dice: random.Random) -> None:
        """The events of a job, to its end or until the stream breaks, resumed where it broke before."""
        job = self.known[-1] if self.known else "none"
        with self.site.recorder.operation(name, "events", job, events=[]) as record:
            events: list[list[Any]] = record.value["events"]
            for _ in range(3):
                try:
                    self._follow(client, job, record, events)
                    return
                except httpx.TransportError:
                    if self.stop.wait(0.5):
                        return

    def _follow(self, client: httpx.Client, job: str, record: Record, events: list[list[Any]]) -> None:
        headers = {"Last-Event-ID": str(events[-1][0])} if events else {}
        with client.stream("GET", f"/v2/jobs/{job}/events", headers=headers) as answer:
            if answer.status_code == 404:
                record.value = {"missing": True}
            if answer.status_code in (200, 404):
                record.type = "ok"
            if answer.status_code != 200:
                return
            with contextlib.suppress(AssertionError):  # torn in the middle of an event, which does not count
                for event in read_events(answer):
                    events.append([event["id"], text_of(event["event"], event)])
                    if self.stop.is_set():
                        return


class Nemesis:
    """Kills a server, a job's process or everything, and starts again what it has killed."""

    def __init__(self, site: Site, seed: int):
        self.site = site
        self.dice = random.Random(seed)
        self.faults = {"server": 0, "job": 0, "all": 0}

    def run(self, seconds: float, calm: threading.Event, enough: Callable[[], bool]) -> None:
        """Go on for so long, and at least until each kind of fault was seen and enough has happened."""
        end = threading.Timer(seconds, calm.set)
        end.start()
        try:
            while not calm.wait(self.dice.uniform(0.5, 2.5)) or not all(self.faults.values()) or not enough():
                self.strike(self.dice.choice(list(self.faults)))
        finally:
            end.cancel()

    def strike(self, what: str) -> None:
        """One fault, to the end of its repair."""
        if what == "job" and not until(lambda: bool(self.site.job_processes()), 3):
            return
        with self.site.recorder.operation("nemesis", "fault", what) as record:
            if what == "job":
                with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                    self.dice.choice(self.site.job_processes()).kill()
            elif what == "server":
                number = self.dice.randrange(len(self.site.servers))
                self.site.kill(number)
                self.site.start(number)
            else:
                self._everything()
            record.type = "ok"
        self.faults[what] += 1

    def _everything(self) -> None:
        jobs = self.site.job_processes()
        for number in range(len(self.site.servers)):
            self.site.kill(number)
        for job in jobs:
            with contextlib.suppress(psutil.NoSuchProcess):
                job.kill()
        if self.site.postgres:
            self.site.postgres.stop("immediate")
            self.site.postgres.start()
        for number in range(len(self.site.servers)):
            self.site.start(number)
