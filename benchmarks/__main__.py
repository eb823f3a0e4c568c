"""Run the benchmarks and print the table: `python -m benchmarks [--seconds N]`."""

from __future__ import annotations

import argparse
import platform

from benchmarks import (
    access_measures,
    concurrent_measures,
    fleet_measures,
    flood_measures,
    grpc_measures,
    job_measures,
    job_peers,
    measures,
    memory_measures,
    metric_measures,
    mlup_measures,
    news_measures,
    process_measures,
    ray_measures,
    run_measures,
    scale_measures,
    telemetry_measures,
    tensor_measures,
    tls_measures,
)
from benchmarks.measures import Row


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load (default 5)")
    parser.add_argument("--only", help="run one measure, such as throughput or batching")
    options = parser.parse_args()
    runs = {
        "throughput": lambda: measures.throughput(options.seconds),
        "keys": lambda: access_measures.predictions(options.seconds),
        "flood": lambda: flood_measures.floods(options.seconds),
        "metrics": lambda: metric_measures.scrapes(options.seconds),
        "telemetry": lambda: telemetry_measures.predictions(options.seconds),
        "tls": lambda: tls_measures.predictions(options.seconds),
        "processes": lambda: process_measures.processes(options.seconds),
        "ray": lambda: ray_measures.predictions(options.seconds),
        "grpc": lambda: grpc_measures.tensors(options.seconds),
        "batching": lambda: measures.batching(options.seconds),
        "waiting": lambda: concurrent_measures.waiting(options.seconds),
        "threads": lambda: concurrent_measures.threads(options.seconds),
        "streams": concurrent_measures.streams,
        "generator": concurrent_measures.continuous_batching,
        "tensors": lambda: tensor_measures.predictions(options.seconds),
        "mlup": lambda: mlup_measures.predictions(options.seconds),
        "memory": memory_measures.resident,
        "waking": memory_measures.waking,
        "upload": measures.upload,
        "idle": lambda: measures.idle_connections(options.seconds),
        "start": measures.start_up,
        "submissions": lambda: job_measures.submissions(options.seconds),
        "jobs": lambda: job_peers.end_to_end(options.seconds),
        "listing": job_measures.listing,
        "followers": lambda: job_measures.followers(options.seconds),
        "runs": run_measures.listing,
        "versions": lambda: run_measures.cached_version(options.seconds),
        "swap": run_measures.swap,
        "news": news_measures.seen,
        "scale-jobs": scale_measures.jobs,
        "scale-workers": scale_measures.workers,
        "scale-servers": fleet_measures.fleets,
        "scale-played": lambda: scale_measures.played(options.seconds),
    }
    where = f"Python {platform.python_version()}, {platform.machine()}; server and client on a core each"
    print(f"measured with `make bench`: {where}\n")
    print("| what | measured | wanted | met |\n|---|---|---|---|")
    for name, run in runs.items():
        if options.only in (None, name):
            for row in run():
                print(line(row), flush=True)


def line(row: Row) -> str:
    met = "" if row.met is None else ("yes" if row.met else "**no**")
    return f"| {row.what} | {row.found} | {row.wanted} | {met} |"


if __name__ == "__main__":
    main()
