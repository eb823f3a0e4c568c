"""What pipelines of transformers do for OpenAI's clients: chat, complete and embed.

Tokens are those of the model's own tokenizer, and text goes out as it is written. A chat needs the template
that its tokenizer has.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field

from modelport.contract.errors import HTTPError
from modelport.contract.messages import Message
from modelport.contract.signature import TextVerbName
from modelport.contract.written import Piece, Usage

MOST_TOKENS = 4096
WAIT_SECONDS = 5.0  # for a generation to end that nobody wants any more

Tokens = Annotated[int | None, Field(ge=1, le=MOST_TOKENS, description="The most tokens to write.")]
Temperature = Annotated[
    float | None,
    Field(ge=0, le=10, description="How far from the likeliest to draw, which 0 takes; else as it is saved."),
]
TopP = Annotated[float | None, Field(gt=0, le=1, description="Draw among the likeliest, of this share.")]
Seed = Annotated[int | None, Field(ge=0, lt=1 << 32, description="The same seed, the same text.")]
Stop = Annotated[list[str] | None, Field(max_length=4, description="Texts at which it ends, without them.")]


def text_functions(pipeline: Any) -> dict[TextVerbName, Callable[..., Any]]:
    """The functions of a pipeline; none where it does something else."""
    if pipeline.task == "text-generation":
        found: dict[TextVerbName, Callable[..., Any]] = {"complete": _completing(pipeline)}
        if getattr(pipeline.tokenizer, "chat_template", None):
            found["chat"] = _chatting(pipeline)
        return found
    return {"embed": _embedding(pipeline)} if pipeline.task == "feature-extraction" else {}


def _completing(pipeline: Any) -> Callable[..., Any]:
    def complete(
        prompt: str,
        max_tokens: Tokens = 64,
        temperature: Temperature = None,
        top_p: TopP = None,
        seed: Seed = None,
        stop: Stop = None,
    ) -> Iterator[Piece | Usage]:
        """What follows the prompt."""
        tokens = pipeline.tokenizer(prompt, return_tensors="pt")["input_ids"]
        return _written(pipeline, tokens, max_tokens, _options(temperature, top_p, stop), seed)

    return complete


def _chatting(pipeline: Any) -> Callable[..., Any]:
    def chat(
        messages: list[Message],
        max_tokens: Tokens = None,
        temperature: Temperature = None,
        top_p: TopP = None,
        seed: Seed = None,
        stop: Stop = None,
        tools: list[dict[str, Any]] | None = None,
    ) -> Iterator[Piece | Usage]:
        """The next message of the assistant, by the chat template of the tokenizer."""
        said = [message.as_dict() | {"content": message.text} for message in messages]
        try:
            found = pipeline.tokenizer.apply_chat_template(
                said, tools=tools or None, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        except Exception as error:  # a template raises what it likes about roles that it has no place for
            raise HTTPError(400, f"messages: the chat template of the model refuses them: {error}") from error
        return _written(pipeline, found["input_ids"], max_tokens, _options(temperature, top_p, stop), seed)

    return chat


def _options(temperature: float | None, top_p: float | None, stop: list[str] | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if temperature is not None:
        options |= {"do_sample": temperature > 0} | ({"temperature": temperature} if temperature else {})
    if top_p is not None:
        options |= {"top_p": top_p} | ({"do_sample": True} if temperature is None else {})
    return options | ({"stop": stop} if stop else {})


def _written(
    pipeline: Any, tokens: Any, max_tokens: int | None, options: dict[str, Any], seed: int | None
) -> Iterator[Piece | Usage]:
    """The text as it is written. Raises `HTTPError` 400 for a prompt that leaves no room."""
    read = int(tokens.shape[-1])
    room = int(pipeline.tokenizer.model_max_length) - read
    if read < 1 or room < (max_tokens or 1):
        words = f"the prompt has {read} tokens, which leaves {max(room, 0)} to write"
        raise HTTPError(400, words if read else "the prompt has no tokens")
    return _generated(pipeline, tokens, max_tokens or min(room, MOST_TOKENS), options, seed)


def _generated(
    pipeline: Any, tokens: Any, most: int, options: dict[str, Any], seed: int | None
) -> Iterator[Piece | Usage]:
    transformers: Any = importlib.import_module("transformers")
    is_unwanted = threading.Event()
    streamer = transformers.TextIteratorStreamer(
        pipeline.tokenizer, skip_prompt=True, skip_special_tokens=True
    )
    stops: list[str] = options.pop("stop", [])
    ended: list[Any] = []  # the tokens of all, or why there are none

    def until(*_: Any) -> bool:
        return is_unwanted.is_set()

    def generate() -> None:
        try:
            if seed is not None:
                transformers.set_seed(seed)
            ended.append(
                pipeline.model.generate(
                    tokens, max_new_tokens=most, streamer=streamer, stopping_criteria=[_criterion(until)],
                    attention_mask=tokens.new_ones(tokens.shape), **options,
                )
            )  # fmt: skip
        except BaseException as error:  # it is raised where the text is read
            ended.append(error)
            streamer.end()

    thread = threading.Thread(target=generate, name="modelport generation", daemon=True)
    thread.start()
    cut = Cut(stops)
    try:
        for text in streamer:
            if told := cut.take(text):
                yield Piece(told)
            if cut.is_found:
                break
    finally:
        is_unwanted.set()
        thread.join(WAIT_SECONDS)
    if isinstance(ended[0], BaseException):
        raise ended[0]
    if rest := cut.rest():
        yield Piece(rest)
    written = int(ended[0].shape[-1]) - int(tokens.shape[-1])
    is_whole = cut.is_found or written < most or int(ended[0][0, -1]) in _ends(pipeline)
    yield Piece(finish_reason="stop" if is_whole else "length")
    yield Usage(int(tokens.shape[-1]), written)


def _criterion(until: Callable[..., bool]) -> Any:
    """What ends a generation, for all texts of a batch."""
    torch: Any = importlib.import_module("torch")

    def criterion(tokens: Any, scores: Any, **_: Any) -> Any:
        return torch.full((tokens.shape[0],), until(), dtype=torch.bool, device=tokens.device)

    return criterion


def _ends(pipeline: Any) -> list[int]:
    """The tokens by which the model says that it has ended."""
    found: Any = pipeline.model.generation_config.eos_token_id
    return cast("list[int]", found) if isinstance(found, list) else [found]


class Cut:
    """Lets text through up to the first of some texts. What may be the beginning of one is held back."""

    def __init__(self, stops: list[str]):
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.is_found = False

    def take(self, text: str) -> str:
        """Of all that has come, what may go out now."""
        if self.is_found:
            return ""
        self._held += text
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.is_found = True
            told, self._held = self._held[: min(places)], ""
            return told
        keep = max((_begun(self._held, stop) for stop in self._stops), default=0)
        told = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return told

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        told, self._held = self._held, ""
        return told


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text are the beginning of this one."""
    lengths = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)


def _embedding(pipeline: Any) -> Callable[..., Any]:
    takes_first, is_normal = _sentences_of(Path(str(pipeline.model.name_or_path)))

    def embed(texts: list[str]) -> tuple[Any, Usage]:
        """A vector for each text: the mean of its tokens', unless the folder says otherwise."""
        numpy: Any = importlib.import_module("numpy")
        rows = [numpy.asarray(pipeline(text, truncation=True)[0]) for text in texts]
        vectors = numpy.array([row[0] if takes_first else row.mean(axis=0) for row in rows])
        if is_normal:
            vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors, Usage(sum(len(row) for row in rows))

    return embed


def _sentences_of(folder: Path) -> tuple[bool, bool]:
    """Whether the first token stands for a text, and whether vectors have the length 1.

    Source: what sentence-transformers writes beside a model, `modules.json` and `1_Pooling/config.json`.
    """
    try:
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        takes_first = bool(pooling.get("pooling_mode_cls_token"))
        return takes_first, any(str(one.get("type")).endswith("Normalize") for one in modules)
    except (OSError, ValueError, AttributeError, TypeError):
        return False, False
