"""`modelport deepaas-cli train`: a training in a process of its own, whose record is printed when it ends."""

from __future__ import annotations

import sys
import uuid
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from modelport.cli.deepaas_arguments import argument_command
from modelport.cli.deepaas_log import log_training
from modelport.cli.job_command import CANCEL_GRACE, HELP_FLAGS

if TYPE_CHECKING:
    from modelport.cli.local_training import Loading, Prepared
    from modelport.cli.model_options import ModelOption
    from modelport.contract.calls import Call
    from modelport.contract.signature import Signature
    from modelport.sources.source import Source


def train(
    ctx: click.Context,
    source: Source,
    arguments: list[str],
    output: Path | None,
    how: Loading,
) -> None:
    """Train with these arguments. Raises as `run_here` does."""
    from modelport.cli.local_training import run_here

    def prepare(signature: Signature, temp: Path) -> Prepared:
        def prepared(options: list[ModelOption], values: dict[str, Any]) -> Prepared:
            call = _call(signature, options, values, temp)
            return _prepared(source, call, options, output)

        inner = argument_command("train", signature, prepared)
        with inner.make_context(f"{ctx.info_name} train", arguments, parent=ctx.parent) as context:
            return inner.invoke(context)

    only_help = any(flag in arguments for flag in HELP_FLAGS)
    run_here(source, "train", prepare, replace(how, warm=how.warm and not only_help))


def _call(signature: Signature, options: list[ModelOption], values: dict[str, Any], temp: Path) -> Call:
    from modelport.cli.model_call import CallMaker
    from modelport.cli.model_options import given_texts

    accept: str = values.pop("accept", None) or ""
    maker = CallMaker(options, signature.contract == "typed", temp, "python")
    return maker.call(given_texts(options, values), accept, "train")


def _prepared(
    source: Source,
    call: Call,
    options: list[ModelOption],
    output: Path | None,
) -> Prepared:
    """DEEPaaS keeps no log: here, too, only what the model's own code keeps with its job is left."""
    from modelport.cli.answer_output import AnswerOutput, Habits
    from modelport.cli.local_training import Prepared
    from modelport.cli.run_folder import new_run_folder

    if output is not None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
    arguments: dict[str, Any] = {}
    habits = Habits(rewrite=partial(_record, datetime.now(), arguments), returned=log_training)
    answer = AnswerOutput(sys.stdout.buffer, output, options, habits=habits)
    folder = new_run_folder(source.name)
    return Prepared(call, folder, answer, CANCEL_GRACE, record=False, arguments=arguments)


def _record(began: datetime, arguments: dict[str, Any], output: bytes) -> bytes:
    """DEEPaaS's record of a training that is done; `output` is the JSON of what it returned."""
    ended = datetime.now()
    result = {"finish_date": str(ended), "duration": str(ended - began), "output": msgspec.Raw(output)}
    record = {"date": str(began), "args": arguments, "status": "done", "uuid": uuid.uuid4().hex}
    return msgspec.json.encode(record | {"result": result})
