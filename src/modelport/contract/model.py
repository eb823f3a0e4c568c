"""The base class of models written for modelport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from modelport.contract.messages import Message


class Model:
    """A model whose signature is its type hints.

    Write `predict` with typed parameters and a typed return; everything else is optional:

        class Digits(modelport.Model):
            "Reads handwritten digits."

            async def setup(self) -> None: ...
            def warm(self) -> None: ...
            def predict(self, image: modelport.Image, threshold: float = 0.5) -> Prediction: ...

    `metadata` is shown to clients (`author`, `version`, `license`, `url`, …); the class docstring is
    the description. To predict several requests at once set `max_batch_size` and write
    `predict_batch(self, calls)`: it gets the arguments of each call as a dictionary and returns one
    result for each, in order; an exception as a result fails that call alone. The server waits up to
    `max_wait_ms` milliseconds for a batch to fill. An `async def predict` runs up to `max_concurrency` calls
    side by side, 64 if that does not say; a plain one does so in threads, if it says more than 1.
    `resumable` says that an interrupted `train` may be run
    again, because it goes on from what it left in `modelport.current_job().checkpoint_dir`.
    `stream(self, pieces)` answers while its client still speaks, by a WebSocket (docs/streams.md).
    A model of text has `chat`, `complete` or `embed`, beside `predict` or in its place.
    `layout` and `examples` are for the page's form of each verb: order, groups and labels of arguments, and
    arguments to try by a click.
    `workers`, `timeout` and the others without a value here are settings, where the operator says nothing.
    """

    metadata: ClassVar[dict[str, Any]] = {}
    max_batch_size: ClassVar[int] = 1
    max_wait_ms: ClassVar[float] = 5.0
    max_concurrency: ClassVar[int | None] = None
    resumable: ClassVar[bool] = False
    layout: ClassVar[dict[str, Any]] = {}
    examples: ClassVar[dict[str, Any]] = {}
    workers: ClassVar[int]
    devices: ClassVar[list[str] | str]
    threads: ClassVar[int]
    environment: ClassVar[dict[str, str]]
    queue_size: ClassVar[int]
    timeout: ClassVar[float]
    load_timeout: ClassVar[float]
    memory_limit: ClassVar[str]
    idle_unload: ClassVar[str]
    job_workers: ClassVar[int]

    if TYPE_CHECKING:  # for editors to complete: what a model does not define, it does not have

        def predict(self, *args: Any, **kwargs: Any) -> Any:
            """A prediction. Its parameters are the arguments, by their type hints."""

        def chat(self, messages: list[Message], *args: Any, **kwargs: Any) -> Any:
            """An answer to a chat: texts as they are written, or `Piece`, `ToolCall`, `Usage` among them."""

        def complete(self, prompt: str, *args: Any, **kwargs: Any) -> Any:
            """What follows a prompt, as `chat` gives it."""

        def embed(self, texts: list[str], *args: Any, **kwargs: Any) -> Any:
            """A vector of numbers for each text; with a `Usage` behind it where tokens are counted."""

        def stream(self, pieces: Any, *args: Any, **kwargs: Any) -> Any:
            """Messages for those of a client, which `pieces`, an `AsyncIterator`, gives as they come."""

        def predict_batch(self, calls: list[dict[str, Any]]) -> Any:
            """One result for each call, in order; an exception as a result fails that call alone."""

        def setup(self) -> Any:
            """Runs once in every process of the model, those of jobs too: after `load_model`, before `warm`.

            It may be `async`, in the event loop of the calls: what it starts there works while they run.
            """

        def warm(self) -> Any:
            """Runs once in every worker, before it counts as ready. It may be `async`, as `setup`."""

        def train(self, *args: Any, **kwargs: Any) -> Any:
            """A training: a job. What it returns is the result."""

        def validate(self, *args: Any, **kwargs: Any) -> Any:
            """A validation: a job, too."""

        def load_model(self, path: Any) -> Any:
            """Load what a training has saved: gets its path, before `warm`."""
