"""What each process of a model may use: its device, its threads, its variables.

A worker sees the device that it has, and no other: `CUDA_VISIBLE_DEVICES` says so before any library looks.
The processes of a model share the cores evenly: libraries of numbers begin as many threads each as there are
cores, and with four workers that is four times too many.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from modelport.contract.current_worker import CurrentWorker, usable_cores
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.worker.frames import Load

VISIBLE = "CUDA_VISIBLE_DEVICES"
# What libraries read that begin threads; torch and onnxruntime here read the first one.
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "TF_NUM_INTRAOP_THREADS",
)  # fmt: skip
DEVICE_FILE = re.compile(r"nvidia\d+")


def placed(load: Load, settings: Settings, number: int, *, of_jobs: bool = False) -> Load:
    """What a process is told to load, with what it may use as the one of this number among its like.

    In a thread of the server it has what that has. Raises `SettingsError` for a device that there is not.
    """
    if not settings.workers and not of_jobs:
        return load
    told = {**os.environ, **settings.environment}
    many = settings.job_workers if of_jobs else settings.most_workers
    threads, variables = _threads(settings.threads, max(many, 1), told)
    device = _device(settings.devices, number, told)
    variables |= settings.environment | ({} if device is None else {VISIBLE: device})
    worker = CurrentWorker(
        model=load.name, number=number, device="cuda:0" if device else "cpu", threads=threads
    )
    return structs.replace(load, worker=worker, variables=variables)


def _threads(wanted: int, processes: int, told: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """How many threads libraries are to use, and the variables that say so, if nobody has said it yet."""
    said = [told[name] for name in THREADS if name in told]
    if said and not wanted:
        return (int(said[0]) if said[0].isdecimal() and int(said[0]) else usable_cores()), {}
    threads = wanted or max(1, usable_cores() // processes)
    return threads, dict.fromkeys(THREADS, str(threads))


def _device(devices: list[str], number: int, told: Mapping[str, str]) -> str | None:
    """What a process sees of the devices, as CUDA's variable names it; `None` to leave it as it is."""
    seen = [name.strip() for name in told[VISIBLE].split(",") if name.strip()] if VISIBLE in told else None
    if devices == ["auto"]:
        found = _found() if seen is None else seen
        return found[number % len(found)] if found else None
    if not devices:
        return None
    device = devices[number % len(devices)]
    if device == "cpu":
        return ""
    index = device.removeprefix("cuda:")
    if seen is None or index == device:
        return index
    if int(index) >= len(seen):
        raise SettingsError(f"devices: there is no {device}: {VISIBLE} has {len(seen)} of them, from cuda:0")
    return seen[int(index)]


def _found() -> list[str]:
    """The numbers of NVIDIA's devices that this system, or its container, has."""
    files = [path for path in Path("/dev").glob("nvidia*") if DEVICE_FILE.fullmatch(path.name)]
    return [str(number) for number in range(len(files))]
