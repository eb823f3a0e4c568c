"""The parameters of requests: which a model is handed, and which say nothing that it would have to do.

What a model's function takes by its name it is handed. Of what it does not take, a value that is the API's
own default asks for nothing; a label says something about the request to whoever provides the API, and
changes no answer: it is passed over, and the answer's `Warning` says so. Everything else is refused by its
name.
"""

from __future__ import annotations

from typing import Any

from modelport.contract.nearest import meant, nearest
from modelport.contract.signature import Argument, Operation
from modelport.dialects.openai.errors import UNKNOWN, UNSUPPORTED, refused

# Each known parameter, with the values that ask for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "temperature": (1,),
    "top_p": (1,),
    "n": (1,),
    "stop": ([],),
    "seed": (),
    "max_tokens": (),
    "max_completion_tokens": (),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("auto", "none"),
    "parallel_tool_calls": (True,),
    "functions": ([],),
    "function_call": ("auto", "none"),
    "response_format": ({"type": "text"},),
    "reasoning_effort": (),
    "verbosity": ("medium",),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "echo": (False,),
    "suffix": ("",),
    "best_of": (1,),
    "dimensions": (),
}
LABELS = (
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
)
# What a model may call a parameter, other than by its own name.
ALSO = {
    "max_tokens": ("max_completion_tokens", "max_new_tokens"),
    "max_completion_tokens": ("max_tokens", "max_new_tokens"),
}
SHOWN = 100  # characters of a name in a message


def handed(sent: dict[str, Any], operation: Operation, given: str) -> tuple[dict[str, Any], list[str]]:
    """The arguments out of the parameters of a request, and words about what was passed over.

    `given` is the argument that the request is about, which is filled already. Raises `BadRequest`.
    """
    known = {one.name: one for one in operation.arguments if one.name != given and one.kind != "accept"}
    arguments: dict[str, Any] = {}
    ignored: list[str] = []
    for name, said in sent.items():
        if said is None:
            continue
        value = [said] if name == "stop" and isinstance(said, str) else said  # it is a list
        taken = _taken_as(name, known)
        if taken is not None:
            if arguments.get(taken, value) != value:
                raise refused(f"{name} and another parameter say different things of {taken!r}", name)
            arguments[taken] = value
        elif name in LABELS:
            ignored.append(f"{name} was passed over: the model takes none")
        elif name not in NEUTRAL:
            raise refused(_unknown(name, known), name[:SHOWN], UNKNOWN)
        elif not any(_is_same(value, one) for one in NEUTRAL[name]):
            takes = ", ".join(known) or "no others"
            words = f"{name}: this model takes no such parameter, so it cannot obey it; it takes: {takes}"
            raise refused(words, name, UNSUPPORTED)
    return arguments, ignored


def _taken_as(name: str, known: dict[str, Argument]) -> str | None:
    """The argument that a parameter is for; `None` if the model takes it not."""
    return next((one for one in (name, *ALSO.get(name, ())) if one in known), None)


def _is_same(value: Any, neutral: Any) -> bool:
    """Whether they are equal as JSON, in which no number is a switch."""
    return isinstance(value, bool) == isinstance(neutral, bool) and value == neutral


def _unknown(name: str, known: dict[str, Argument]) -> str:
    near = meant(nearest(name[:SHOWN], [*known, *NEUTRAL]))
    return f"there is no parameter {name[:SHOWN]!r}{near}"


def parameter_of(argument: str) -> str:
    """What a request calls an argument of the model."""
    if argument in NEUTRAL:
        return argument
    return next((name for name, also in ALSO.items() if argument in also), argument)
