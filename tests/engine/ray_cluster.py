"""A Ray cluster of several nodes on this machine, in a process of its own; it dies with whoever reads it.

    python ray_cluster.py PORT

A line for each command on stdin: `add CPUS` answers the process id of a new node, `kill ID` kills one;
`kill head` kills the head, which has no CPUs for workers, and `head` begins another cluster at the same port.
`gpu` adds a node with a GPU, for Ray to count; `add CPUS SECONDS` one that is the only `lasting` one,
since it goes on so long without a head. The others do for five seconds.
All that Ray writes is in a folder of its own, which goes with the cluster.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import Any

import psutil

RECONNECT = "RAY_gcs_rpc_server_reconnect_timeout_s"  # for which nodes go on without a head; as it is, 60
SECONDS = "5"  # of that
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    RECONNECT: SECONDS,
    "RAY_enable_worker_prestart": "0",
    "RAY_worker_niceness": "0",  # or jobs, which are nicer, would hardly run beside other tests
}
MEMORY = 80 << 20  # of the object store, which nobody uses


def main(port: int) -> None:
    short = os.environ.get("RAY_TMPDIR", "/tmp")  # names of sockets are
    with tempfile.TemporaryDirectory(prefix="ray-", dir=short, ignore_cleanup_errors=True) as folder:
        run(port, folder)
        end_agents(folder)


def end_agents(folder: str) -> None:
    """Kill what Ray has put beside nodes, and would still write there until it notices that they are gone."""
    found = psutil.process_iter(["cmdline"])
    beside = [one for one in found if folder in " ".join(one.info["cmdline"] or [])]
    for process in beside:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(beside, timeout=10)


def run(port: int, folder: str) -> None:
    from ray.cluster_utils import Cluster

    def head() -> Any:
        return Cluster(
            initialize_head=True,
            head_node_args={
                "temp_dir": folder,  # which the others ask it for
                "gcs_server_port": port,
                "num_cpus": 0,
                "include_dashboard": False,
                "dashboard_agent_listen_port": None,  # any that is free
                "object_store_memory": MEMORY,
            },
        )

    cluster = head()
    nodes: dict[str, Any] = {"head": cluster.head_node}
    # A server belongs to the node that was added last: of several on a machine Ray takes that.
    print(cluster.address, flush=True)
    for line in sys.stdin:
        command, number, seconds, *_ = *line.split(), *[""] * 3
        if command == "add":
            os.environ[RECONNECT] = seconds or SECONDS
            node = cluster.add_node(
                node_ip_address=f"127.0.0.{len(nodes) + 1}",
                num_cpus=int(number),
                object_store_memory=MEMORY,
                resources={"lasting": 10} if seconds else {"disk": 10} if int(number) else {},
            )
            os.environ[RECONNECT] = SECONDS
            pid = str(node.all_processes["raylet"][0].process.pid)
            nodes[pid] = node
            print(pid, flush=True)
        elif command == "kill":
            nodes[number].kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
            print("killed", flush=True)
        elif command == "gpu":
            cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=MEMORY, resources={"fast": 1})
            print("added", flush=True)
        elif command == "head":  # another one, at the same address
            cluster = head()
            nodes["head"] = cluster.head_node
            print(cluster.address, flush=True)
    for node in nodes.values():
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
