"""The base class of models written for modelport."""

from __future__ import annotations

from typing import Any, ClassVar


class Model:
    """A model whose signature is its type hints.

    Write `predict` with typed parameters and a typed return; everything else is optional:

        class Digits(modelport.Model):
            "Reads handwritten digits."

            def warm(self) -> None: ...
            def predict(self, image: modelport.Image, threshold: float = 0.5) -> Prediction: ...

    `metadata` is shown to clients (`author`, `version`, `license`, `url`, …); the class docstring is
    the description. To predict several requests at once set `max_batch_size` and write
    `predict_batch(self, calls)`: it gets the arguments of each call as a dictionary and returns one
    result for each, in order; an exception as a result fails that call alone. The server waits up to
    `max_wait_ms` milliseconds for a batch to fill. `resumable` says that an interrupted `train` may be run
    again, because it goes on from what it left in `modelport.current_job().checkpoint_dir`.
    """

    metadata: ClassVar[dict[str, Any]] = {}
    max_batch_size: ClassVar[int] = 1
    max_wait_ms: ClassVar[float] = 5.0
    resumable: ClassVar[bool] = False
