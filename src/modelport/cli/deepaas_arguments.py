"""The command line of one function of a model, spelled as DEEPaaS's `deepaas-cli` spells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from modelport.cli.model_options import ModelOption
    from modelport.contract.signature import Signature, VerbName

Run = Callable[["list[ModelOption]", dict[str, Any]], Any]


def argument_command(method: VerbName, signature: Signature, run: Run) -> click.Command:
    """A command with the function's arguments as options, which calls `run` with these and their values."""
    from modelport.cli.model_options import click_options, model_options

    operation = signature.operation(method)
    options = model_options(operation.arguments, signature.definitions)
    params = click_options(options, signature.definitions, switches=False)
    if not any("--accept" in param.opts for param in params):
        params.append(click.Option(["accept", "--accept"], help="the media type of the answer"))

    def given(**values: Any) -> Any:
        return run(options, values)

    context: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
    said = f"Run the model's {method}()."
    return click.Command(method, callback=given, params=params, context_settings=context, help=said)
