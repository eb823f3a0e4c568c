"""The configuration of a model as Triton's extension shows it: its tensors, its workers, its batches.

Source: Triton's `model_config.proto`, in JSON.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelport.contract.signature import Signature
from modelport.dialects.oip.bodies import words
from modelport.dialects.oip.datatypes import BYTES
from modelport.dialects.oip.described import PLATFORM, TensorMetadata, inputs_of, outputs_of


class ConfiguredTensor(msgspec.Struct):
    """A tensor that a model takes or gives."""

    name: str
    data_type: Annotated[str, words("`TYPE_` and the datatype, and TYPE_STRING for BYTES")]
    dims: Annotated[list[int], words("Its whole shape; -1 is any length")]


class Instances(msgspec.Struct):
    """The workers of a model."""

    name: str
    kind: Annotated[str, words("Always KIND_AUTO")]
    count: int


class DynamicBatching(msgspec.Struct):
    """How a model takes requests together."""

    preferred_batch_size: Annotated[list[int], words("As many as it takes at once")]
    max_queue_delay_microseconds: Annotated[int, words("How long the first of them waits for others")]


class TransactionPolicy(msgspec.Struct):
    """How many answers a request has."""

    decoupled: Annotated[bool, words("Any number: what the model yields")]


class ModelConfiguration(msgspec.Struct, omit_defaults=True):
    """A model, in Triton's words."""

    name: str
    platform: str
    backend: str
    max_batch_size: Annotated[int, words("Always 0: no tensor has an axis that is the server's own")]
    input: list[ConfiguredTensor]
    output: list[ConfiguredTensor]
    instance_group: list[Instances]
    dynamic_batching: DynamicBatching | None = None
    model_transaction_policy: TransactionPolicy | None = None


def configuration_of(name: str, signature: Signature, workers: int) -> ModelConfiguration:
    """What is said of a model that has so many workers."""
    predict = signature.predict
    found = ModelConfiguration(
        name=name, platform=PLATFORM, backend=PLATFORM, max_batch_size=0,
        input=[_tensor(one) for one in inputs_of(signature)],
        output=[_tensor(one) for one in outputs_of(predict)],
        instance_group=[Instances(name, "KIND_AUTO", workers)],
    )  # fmt: skip
    if predict.streams:
        found.model_transaction_policy = TransactionPolicy(decoupled=True)
    if predict.max_batch_size > 1:
        found.dynamic_batching = DynamicBatching([predict.max_batch_size], int(predict.max_wait_ms * 1000))
    return found


def _tensor(one: TensorMetadata) -> ConfiguredTensor:
    kind = "STRING" if one.datatype == BYTES else one.datatype
    return ConfiguredTensor(one.name, f"TYPE_{kind}", one.shape)
