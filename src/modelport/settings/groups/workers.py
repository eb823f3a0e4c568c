"""The processes of the models, and how they take calls."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.values import wrong_devices, wrong_duration, wrong_environment, wrong_size


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """The processes of the models, and how they take calls."""

    workers: int = setting(
        1,
        "worker processes for each model; 0 runs models in a thread of the server, for debugging",
        short="-p",
        heading="Workers and predictions",
        of_model=True,
    )
    min_workers: int = setting(
        0, "fewest workers of each model, where their number follows the calls; 0 for workers", of_model=True
    )
    max_workers: int = setting(
        0,
        "most workers of each model: more are started while calls wait, and end when nobody needs them; 0 "
        "for workers, and always as many",
        of_model=True,
    )
    scale_down_after: str = setting(
        "1m",
        "how long a worker beyond min_workers must not have been needed, such as 5m, until it ends",
        wrong=wrong_duration,
        of_model=True,
    )
    devices: list[str] = setting(
        [],
        "devices that the workers of a model have one each of, in turn, such as cuda:0 and cuda:1, or auto "
        "for all that there are; every worker sees what the server sees if none",
        wrong=wrong_devices,
        of_model=True,
    )
    threads: int = setting(
        0,
        "threads of BLAS, OpenMP, torch and the like in each worker; 0 for the cores divided by the workers",
        of_model=True,
    )
    environment: dict[str, str] = setting(
        {},
        "variables of the model's processes, such as HF_HOME=/data/hf, beside those of the server",
        wrong=wrong_environment,
        secret=True,
        of_model=True,
    )
    max_concurrency: int = setting(
        0,
        "calls that a worker runs side by side, in threads if predict is plain; 0 leaves it to the model",
        of_model=True,
    )
    max_batch_size: int = setting(
        0,
        "calls that a worker predicts together, of models that take batches; 0 leaves it to the model",
        of_model=True,
    )
    max_wait_ms: float | None = setting(
        None, "milliseconds that calls wait for a batch to fill; the model says it if not set", of_model=True
    )
    queue_size: int = setting(
        1000,
        "calls that may wait for each model; more are answered 503",
        least=1,
        why="at least one call must be able to wait",
        also="max_queue_size",
        of_model=True,
    )
    timeout: float = setting(
        300.0, "seconds a prediction may take, waiting included; then 504", of_model=True
    )
    stream_idle_timeout: float = setting(
        300.0,
        "seconds for which a stream may have no message, neither way; 0: as long as it likes",
        of_model=True,
    )
    stream_timeout: float = setting(
        3600.0, "seconds that a stream may last; 0: as long as it likes", of_model=True
    )
    load_timeout: float = setting(900.0, "seconds a model may take to load and warm up", of_model=True)
    drain_timeout: float = setting(30.0, "seconds that running predictions get after SIGTERM")
    kill_grace: float = setting(1.0, "seconds a cancelled call gets before its worker is killed")
    warm: bool = setting(True, "call warm() in every worker before it counts as ready")
    memory_limit: str = setting(
        "0",
        "memory of a worker process, such as 2G: above it a worker is replaced after its call, at twice that "
        "it is killed; 0 for no limit",
        wrong=wrong_size,
        of_model=True,
    )
    idle_unload: str = setting(
        "0",
        "how long nobody asks a model, such as 10m, until its workers end; the next call loads it again; 0 "
        "keeps it loaded",
        wrong=wrong_duration,
        of_model=True,
    )
    keep_going: bool = setting(False, "stay up although no model could be loaded")
    reload: bool = setting(
        False,
        "for development: load a model anew when one of its files has changed, and let that answer once it "
        "is ready; the server stays up",
    )

    @property
    def fewest_workers(self) -> int:
        """How many workers a model has at least; 1 where it runs in a thread of the server."""
        return max((self.workers and self.min_workers) or self.workers, 1)

    @property
    def most_workers(self) -> int:
        """How many workers a model may have."""
        return max((self.workers and self.max_workers) or self.workers, self.fewest_workers)
