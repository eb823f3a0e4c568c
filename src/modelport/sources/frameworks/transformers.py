"""Hugging Face models, out of a local folder with a configuration, safetensors and a tokenizer.

The architecture in the configuration says what the model does; rows are texts. Nothing is fetched: the
folder must hold everything.
"""

from __future__ import annotations

import importlib
import os
from functools import partial
from pathlib import Path
from typing import Any, cast

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ArgumentErrors, ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.contract.signature import Argument
from modelport.sources.frameworks.border import (
    FunctionAdapter,
    first_line,
    framework_module,
    loading,
    objects,
    plain_values,
)
from modelport.sources.frameworks.text_functions import text_functions
from modelport.sources.frameworks.text_pipelines import TEXT_TO_TEXT, text_to_text, token_limit

TEXT = "text"
# The end of an architecture's name, and the pipeline it is for.
TASKS = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": TEXT_TO_TEXT,
    "Model": "feature-extraction",
}
GENERATING = ("text-generation", TEXT_TO_TEXT)
PADDED = ("text-classification", "token-classification", "fill-mask")  # where padding changes no answer
MOST_TOKENS = 4096


def load(path: Path, options: ModelOptions) -> Any:
    """The pipeline for the model in a folder. Raises `ModelLoadError`.

    Weights that are pickled and code that lies in the folder are used only with `trust`.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # before the first import: it is read then
    transformers = framework_module("transformers", "transformers")
    framework_module("torch", "transformers")
    with loading(path, "transformers", "the folder must hold config.json, *.safetensors and a tokenizer"):
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": options.trust}
        config = transformers.AutoConfig.from_pretrained(str(path), **local)
        architecture, task = _task(path, config)
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(path), **local)
        tokenizer.model_max_length = token_limit(config, tokenizer)
        weights = local if options.trust else local | {"use_safetensors": True}
        model = getattr(transformers, _loader(task)).from_pretrained(str(path), config=config, **weights)
        model.eval()
        if task == TEXT_TO_TEXT:
            return text_to_text(transformers, model, tokenizer)
        if not tokenizer.is_fast and task == "token-classification":
            raise ModelLoadError(f"{path}: {architecture} needs a fast tokenizer: add its tokenizer.json")
        return transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for a pipeline that takes text; `None` for anything else, such as a model alone."""
    task = getattr(obj, "task", "")
    if task not in (*TASKS.values(), TEXT_TO_TEXT) or not hasattr(obj, "tokenizer"):
        return None
    can_pad = obj.tokenizer is not None and obj.tokenizer.pad_token is not None and task in PADDED
    batches = (options.max_batch_size or 1) > 1 and can_pad
    return FunctionAdapter(
        framework="transformers",
        metadata=_metadata(obj, task),
        inputs=[Input(name=TEXT, dtype="str", shape=[None])],
        options=_options(task),
        batches=batches,
        run=partial(_run, obj, task, batches),
        of_text=text_functions(obj),
    )


def _run(pipeline: Any, task: str, padded: bool, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
    texts = [str(text) for text in inputs[TEXT]]
    wanted = {name: value for name, value in options.items() if value is not None} | _fixed(task)
    if task in GENERATING:
        _check_length(pipeline, texts, wanted)
    if task == "token-classification":
        wanted.setdefault("aggregation_strategy", "none")
    pooling: str = wanted.pop("pooling", "none")
    with_top = "top_k" in wanted
    try:
        if padded and len(texts) > 1:
            rows = list(pipeline(texts, batch_size=len(texts), **wanted))
        else:
            rows = [pipeline(text, **wanted) for text in texts]
    except Exception as error:
        if type(error).__name__ != "PipelineException":  # a text without its [MASK]
            raise
        raise ArgumentErrors({TEXT: [first_line(error)]}) from error
    answers = [plain_values(_row(task, row, with_top)) for row in rows]
    return _pooled(answers, pooling) if pooling != "none" else objects(answers)


def _pooled(rows: list[list[list[float]]], pooling: str) -> Any:
    """One vector for each text, out of those of its tokens."""
    numpy: Any = importlib.import_module("numpy")
    return numpy.array([row[0] if pooling == "first" else numpy.mean(row, axis=0) for row in rows])


def _row(task: str, row: Any, with_top: bool) -> Any:
    """One row's answer, without the list that pipelines put around what can only be one."""
    if task == "text-classification" and not with_top:
        return _only(row)
    if task in GENERATING:
        return _only(row)["generated_text"]
    if task == "feature-extraction":
        return row[0]
    return row


def _only(row: Any) -> Any:
    return cast(list[Any], row)[0] if isinstance(row, list) else row


def _fixed(task: str) -> dict[str, Any]:
    """What is always said: texts longer than the model takes are cut, and prompts are not repeated."""
    return {
        "text-classification": {"truncation": True},
        "fill-mask": {"tokenizer_kwargs": {"truncation": True}},
        "feature-extraction": {"truncation": True},
        "text-generation": {"return_full_text": False},
    }.get(task, {})


def _check_length(pipeline: Any, texts: list[str], options: dict[str, Any]) -> None:
    """A prompt has to leave room for what is to be generated."""
    room: int = pipeline.tokenizer.model_max_length
    if pipeline.task != TEXT_TO_TEXT:  # there the answer has places of its own
        room -= int(options.get("max_new_tokens", 0))
    wrong: dict[str, list[str]] = {}
    for row, text in enumerate(texts):
        tokens = len(pipeline.tokenizer(text)["input_ids"])
        if not 1 <= tokens <= room:
            wrong[str(row)] = [f"Must have 1 to {max(room, 0)} tokens, not {tokens}."]
    if wrong:
        raise ArgumentErrors({TEXT: wrong})


def _options(task: str) -> list[Argument]:
    top = {"type": "integer", "minimum": 1, "maximum": 1000}
    if task == "text-classification":
        return [_option("top_k", top, "Answer with that many labels, the likeliest first.")]
    if task == "fill-mask":
        return [_option("top_k", top | {"default": 5}, "How many tokens to propose.")]
    if task == "token-classification":
        ways = {"type": "string", "enum": ["none", "simple", "first", "average", "max"], "default": "none"}
        return [_option("aggregation_strategy", ways, "How tokens of one entity are joined.")]
    if task == "feature-extraction":
        poolings = {"type": "string", "enum": ["none", "mean", "first"], "default": "none"}
        return [
            _option("pooling", poolings, "One vector for each text: the mean of its tokens', or the first.")
        ]
    if task in GENERATING:
        tokens = {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS, "default": 64}
        sample = {"type": "boolean", "default": False}
        heat = {"type": "number", "exclusiveMinimum": 0, "maximum": 10}
        return [
            _option("max_new_tokens", tokens, "The most tokens to generate."),
            _option("do_sample", sample, "Draw tokens at random instead of taking the likeliest."),
            _option("temperature", heat, "With do_sample: how far from the likeliest to draw."),
        ]
    return []


def _option(name: str, schema: dict[str, Any], description: str) -> Argument:
    return Argument(name=name, schema=schema | {"description": description})


def _task(path: Path, config: Any) -> tuple[str, str]:
    architectures: list[str] = config.architectures or []
    if not architectures:
        raise ModelLoadError(f"{path}: its config.json names no architecture: save it with save_pretrained()")
    for end, task in TASKS.items():
        if architectures[0].endswith(end):
            return architectures[0], task
    known = ", ".join(TASKS)
    raise ModelLoadError(
        f"{path}: {architectures[0]} is not served; served are architectures that end in {known}"
    )


def _loader(task: str) -> str:
    return {
        "text-classification": "AutoModelForSequenceClassification",
        "token-classification": "AutoModelForTokenClassification",
        "fill-mask": "AutoModelForMaskedLM",
        "text-generation": "AutoModelForCausalLM",
        TEXT_TO_TEXT: "AutoModelForSeq2SeqLM",
        "feature-extraction": "AutoModel",
    }[task]


def _metadata(pipeline: Any, task: str) -> dict[str, Any]:
    config = pipeline.model.config
    found: dict[str, Any] = {"model": type(pipeline.model).__name__, "task": task}
    if task in ("text-classification", "token-classification"):
        found["classes"] = [config.id2label[number] for number in sorted(config.id2label)]
    if task == "fill-mask":
        found["mask"] = pipeline.tokenizer.mask_token
    if pipeline.tokenizer.model_max_length < 1 << 30:
        found["tokens"] = pipeline.tokenizer.model_max_length
    return found
