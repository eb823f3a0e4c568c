"""What a second process of the server brings: small predictions by one and by two, in turns, in one run."""

from __future__ import annotations

import statistics

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = str(servers.MODELS / "small_typed.py")
ROUNDS = 5
NOT_SLOWER = 0.95
CORES_FOR_MORE = 6  # two processes, two workers, and what asks


def processes(seconds: float) -> list[Row]:
    """Both have two workers and every core; the load comes from the last one."""
    request = servers.request("/v2/models/small_typed/predict", BODY)
    found: dict[int, list[float]] = {1: [], 2: []}
    with (
        servers.modelport(SMALL, "--workers", "2", pinned=False) as (one, _),
        servers.modelport(SMALL, "--workers", "2", "--server-processes", "2", pinned=False) as (two, _),
    ):
        for _ in range(ROUNDS):
            for number, port in ((1, one), (2, two)):
                found[number].append(servers.load(port, request, CONNECTIONS, seconds / ROUNDS))
    single, double = (statistics.median(found[number]) for number in (1, 2))
    cores = len(servers.CORES)
    wanted = 1.5 if cores >= CORES_FOR_MORE else NOT_SLOWER
    what = f"small predictions by two server processes, on {cores} cores"
    ratio = double / single
    said = f"{double:,.0f}/s, of {single:,.0f}/s by one: {ratio:.2f}"
    return [Row(what, said, f">= {wanted} of one", ratio >= wanted)]
