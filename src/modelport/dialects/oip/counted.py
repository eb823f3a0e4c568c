"""What the protocol says of how often models were asked, and how long that took.

Source: Triton's statistics extension. What it tells apart and is not measured here is 0.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelport.dialects.oip.bodies import words


class CountedTime(msgspec.Struct):
    """How often, and how long in all."""

    count: int = 0
    ns: Annotated[int, words("Nanoseconds")] = 0


class InferenceTimes(msgspec.Struct):
    """What inferences have taken, since the server began."""

    success: Annotated[CountedTime, words("Requests that were answered with a prediction, from end to end")]
    fail: Annotated[CountedTime, words("Requests that were not")]
    queue: Annotated[CountedTime, words("Waiting for a worker")]
    compute_input: Annotated[CountedTime, words("Always 0: it is part of compute_infer")]
    compute_infer: Annotated[
        CountedTime, words("In a worker: reading arguments, the model, writing the answer")
    ]
    compute_output: Annotated[CountedTime, words("Always 0: it is part of compute_infer")]
    cache_hit: Annotated[CountedTime, words("Always 0: no answers are cached")]
    cache_miss: Annotated[CountedTime, words("Always 0: no answers are cached")]


class BatchTimes(msgspec.Struct):
    """What batches of one size have taken."""

    batch_size: Annotated[
        int, words("Requests that the model has taken together; larger ones than 1024 are 1024")
    ]
    compute_input: CountedTime
    compute_infer: CountedTime
    compute_output: CountedTime


class VersionStatistics(msgspec.Struct):
    """How often a version of a model was asked, and how long that took."""

    name: str
    version: Annotated[str, words("0 is the model as its source has it")]
    last_inference: Annotated[int, words("When it was asked last, in milliseconds of the epoch; 0: never")]
    inference_count: Annotated[int, words("Requests that were answered with a prediction")]
    execution_count: Annotated[int, words("How often a worker was asked: for a batch once")]
    inference_stats: InferenceTimes
    batch_stats: Annotated[list[BatchTimes], words("Of a model that takes requests together")]


class InferenceStatistics(msgspec.Struct):
    """The statistics of models: of each version that is loaded."""

    model_stats: list[VersionStatistics]
