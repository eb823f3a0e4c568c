"""Where workers are placed: on this machine, or on the nodes of a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of
from modelport.settings.values import wrong_amounts, wrong_host, wrong_size


class EngineKind(StrEnum):
    """What places workers."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, kw_only=True)
class RaySettings:
    """Where workers are placed: on this machine, or on the nodes of a Ray cluster."""

    engine: str = setting(
        EngineKind.LOCAL.value,
        "what places workers: local, as processes of this machine, or ray, on the nodes of a Ray cluster",
        choices=words_of(EngineKind),
        normal=str.lower,
        heading="A Ray cluster",
    )
    ray_address: str = setting(
        "auto", "the head of the cluster, such as 10.0.0.1:6379, or auto for the one of this machine"
    )
    ray_host: str | None = setting(
        None,
        "address to listen on for the workers that Ray starts (default: that by which the cluster knows this "
        "machine); who connects must have the secret of a worker",
        wrong=wrong_host,
    )
    ray_port: int = setting(0, "port to listen on for them; 0 for any that is free", most=65535)
    ray_advertise: str | None = setting(
        None, "address by which nodes reach this server (default: as the cluster knows this machine)"
    )
    ray_cpus: float = setting(1.0, "CPUs of the cluster that each worker takes, such as 0.5", of_model=True)
    ray_gpus: float = setting(0.0, "GPUs that each worker takes, such as 1 or 0.25", of_model=True)
    ray_memory: str = setting(
        "0",
        "memory that Ray sets aside for each worker, such as 2G; 0 for none",
        wrong=wrong_size,
        of_model=True,
    )
    ray_resources: dict[str, str] = setting(
        {},
        "resources of the cluster's own that each worker takes, such as big_disk=1",
        wrong=wrong_amounts,
        of_model=True,
    )
