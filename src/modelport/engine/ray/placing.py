"""What a worker needs of a node, out of the settings of its model, and what it may use there."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from modelport.contract.current_worker import CurrentWorker
from modelport.engine.placing import THREADS
from modelport.settings import Settings
from modelport.settings.written import size_of
from modelport.worker.frames import Load


def actor_options(settings: Settings) -> dict[str, Any]:
    """The options of Ray for the actor of one worker: it is never restarted, since the pool does that.

    The workers of a model are spread over the nodes, as far as these have room.
    """
    options: dict[str, Any] = {
        "num_cpus": settings.ray_cpus,
        "num_gpus": settings.ray_gpus,
        "resources": {name: float(amount) for name, amount in settings.ray_resources.items()},
        "max_restarts": 0,
        "max_task_retries": 0,
        "scheduling_strategy": "SPREAD",
    }
    if memory := size_of(settings.ray_memory):
        options["memory"] = memory
    return options


def needed(settings: Settings) -> str:
    """The same in words."""
    needs = [f"{settings.ray_cpus:g} CPUs"]
    if settings.ray_gpus:
        needs.append(f"{settings.ray_gpus:g} GPUs")
    if size_of(settings.ray_memory):
        needs.append(f"{settings.ray_memory} of memory")
    return ", ".join(needs + [f"{amount} of {name}" for name, amount in settings.ray_resources.items()])


def fitted(load: Load, settings: Settings, number: int) -> Load:
    """What a worker is to load, with the threads and the device that it may use on its node.

    Which GPU that is Ray says, by `CUDA_VISIBLE_DEVICES` of the actor: the worker sees it as its only one.
    """
    threads = settings.threads or max(1, int(settings.ray_cpus))
    variables = dict.fromkeys(THREADS, str(threads)) | settings.environment
    device = "cuda:0" if settings.ray_gpus else "cpu"
    worker = CurrentWorker(model=load.name, number=number, device=device, threads=threads)
    return structs.replace(load, worker=worker, variables=variables)
