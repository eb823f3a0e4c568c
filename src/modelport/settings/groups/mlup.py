"""The mlup API at the root, by mlup's names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of


class Mode(StrEnum):
    """How /predict of mlup's API works."""

    DIRECTLY_TO_PREDICT = "directly_to_predict"
    WORKER_AND_QUEUE = "worker_and_queue"
    BATCHING = "batching"


# The class that mlup names a mode by.
ARCHITECTURES = {
    Mode.DIRECTLY_TO_PREDICT: "mlup.web.architecture.directly_to_predict.DirectlyToPredictArchitecture",
    Mode.WORKER_AND_QUEUE: "mlup.web.architecture.worker_and_queue.WorkerAndQueueArchitecture",
    Mode.BATCHING: "mlup.web.architecture.batching.BatchingSingleProcessArchitecture",
}


def mode_named(text: str) -> str:
    """The mode that mlup names by this class; any other text stays as it is."""
    return next((mode.value for mode, name in ARCHITECTURES.items() if name == text), text)


@dataclass(frozen=True, kw_only=True)
class MlupSettings:
    """The mlup API at the root, by mlup's names."""

    envelope: bool = setting(
        False,
        "put every JSON answer at the root into the envelope of the Made-With-ML lesson, whose payload and "
        "errors /predict has then",
    )
    mode: str = setting(
        Mode.DIRECTLY_TO_PREDICT.value,
        "how /predict works: directly_to_predict; worker_and_queue, whose clients wait no longer than "
        "ttl_client_wait; or batching, where requests are collected besides",
        choices=words_of(Mode),
        normal=mode_named,
        heading="The mlup API at the root",
    )
    min_batch_len: int = setting(10, "in batching: so many waiting requests are predicted at once", least=1)
    batch_worker_timeout: float = setting(
        1.0, "in batching: seconds that requests wait for others, if the model takes batches"
    )
    ttl_client_wait: float = setting(30.0, "seconds until a client of /predict or /get-predict gets 408")
    is_long_predict: bool = setting(
        False, "make /predict a job: it answers an id at once, and /get-predict has the result"
    )
    ttl_predicted_data: float = setting(60.0, "seconds that /get-predict keeps a result")
    throttling_max_requests: int | None = setting(
        None, "requests to /predict that may be in work; more are answered 429", least=1
    )
    throttling_max_request_len: int | None = setting(
        None, "rows that one request to /predict may have; more are answered 429", least=1
    )
