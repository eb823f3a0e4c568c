"""The command `modelport deepaas-cli`: the functions of an installed model, as DEEPaaS's command has them."""

from __future__ import annotations

import json
import mimetypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.deepaas_log import log_prediction, log_return
from modelport.cli.deepaas_options import deepaas_options, deepaas_settings
from modelport.cli.loading import answers_only, interruptible, load_timeout_option, loaded, prepared
from modelport.cli.own_process import CommandLine, in_own_process

if TYPE_CHECKING:
    from modelport.cli.model_options import ModelOption
    from modelport.contract.served import ServedModel
    from modelport.sources.source import Source

METHODS = ("get_metadata", "warm", "predict", "train")
OWN_SETTINGS = ("model_name", "warm", "debug", "log_level", "log_file")


@click.pass_context
def _cli(
    ctx: click.Context,
    method: str | None,
    arguments: tuple[str, ...],
    deepaas_method_output: Path | None,
    **values: Any,
) -> None:
    if method == "train":
        process = CommandLine([])  # a training has one anyway
    else:
        name = values.get("model_name") or "deepaas-cli"
        process = in_own_process(ctx, name, values.pop("load_timeout"))
    chosen = deepaas_settings(values, OWN_SETTINGS)
    debug = bool(chosen.get("debug"))
    source = installed_source(chosen.get("model_name"))
    if method is None:
        click.echo("modelport: no method was given: get_metadata", err=True)
    warm = bool(chosen.get("warm", True))
    if method == "train":
        from modelport.cli.deepaas_train import train
        from modelport.cli.local_training import Loading

        path = deepaas_method_output
        how = Loading(warm, values["load_timeout"], debug)
        train(ctx, source, list(arguments), path, how)
        return
    process.leave_settings()
    with answers_only(), interruptible():
        model = loaded(source, debug=debug)
    run = _Run(model, source, deepaas_method_output, process, debug=debug, warm=warm)
    inner = run.command_of(method or "get_metadata")
    with inner.make_context(f"{ctx.info_name} {inner.name}", list(arguments), parent=ctx.parent) as context:
        inner.invoke(context)


def installed_source(model_name: str | None) -> Source:
    """The one installed model, or the one of this name. Raises `click.ClickException`."""
    import os

    from modelport.contract.errors import ModelLoadError
    from modelport.sources import source as sources

    name = model_name or os.environ.get("MODELPORT_MODEL_NAME") or os.environ.get("DEEPAAS_V2_MODEL")
    installed = sources.installed_entry_points()
    if name is None and len(installed) != 1:
        known = ", ".join(sorted(installed)) or "none"
        raise click.UsageError(
            f"installed models: {known}; choose one with --model-name NAME or DEEPAAS_V2_MODEL"
            if installed
            else "no model is installed: install a package with an entry point in the group "
            f"{sources.ENTRY_POINT_GROUP}"
        )
    try:
        source = sources.parse_source(f"entrypoint:{name or next(iter(installed))}")
    except ModelLoadError as error:
        raise click.UsageError(str(error)) from None
    if words := sources.old_group_words(source):
        click.echo(f"modelport: {source.name}: {words}", err=True)
    return source


class _Run:
    """One method of one model, run once."""

    def __init__(
        self,
        model: ServedModel,
        source: Source,
        output: Path | None,
        process: CommandLine,
        *,
        debug: bool,
        warm: bool,
    ):
        self.model = model
        self.source = source
        self.output = output
        self.process = process
        self.debug = debug
        self.warm = warm

    def command_of(self, method: str) -> click.Command:
        """The command of a method, with the model's arguments as its options."""
        if method == "get_metadata":
            return click.Command(method, callback=self._metadata, help="Print the model's metadata.")
        if method == "warm":
            return click.Command(method, callback=self._warm, help="Prepare the model, and end.")
        from modelport.cli.deepaas_arguments import argument_command

        return argument_command("predict", self.model.signature, self._predict)

    def _metadata(self) -> None:
        body = json.dumps(self.model.signature.metadata, ensure_ascii=False)
        if self.output is None:
            if log_return(body, sys.stdout.fileno()):
                click.echo(body)
            return
        try:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            self.output.write_text(body, encoding="utf-8", errors="replace")
        except OSError as error:
            raise click.ClickException(f"{self.output} cannot be written: {error.strerror}") from None
        log_return(body, sys.stdout.fileno())

    def _warm(self) -> None:
        from modelport.sources.model_loop import close_event_loop

        with answers_only(), interruptible():
            prepared(self.model, debug=self.debug)
            self.process.loaded()
            close_event_loop()
        click.echo(f"modelport: {self.source.name} is warm", err=True)
        log_return("Finished warm() method", sys.stdout.fileno())

    def _predict(self, options: list[ModelOption], values: dict[str, Any]) -> None:
        from modelport.cli.answer_output import AnswerOutput, Habits
        from modelport.cli.one_call import one_call, writing

        accept: str = values.pop("accept", None) or ""
        rewrite = bare if self.model.signature.predict.wrapped else None
        habits = Habits(rewrite, _with_extension, log_prediction)
        with one_call(self.model, self.source, options, values, accept, "python") as one:
            output = AnswerOutput(one.stdout, self.output, options, debug=self.debug, habits=habits)
            if self.output is not None:
                with writing():
                    self.output.parent.mkdir(parents=True, exist_ok=True)
            prepared(self.model, debug=self.debug, warm=self.warm)
            self.process.loaded()
            one.answer(output)


def _with_extension(path: Path, media_type: str) -> Path:
    """The output file with the extension of what is written to it, added where another one stands."""
    extension = mimetypes.guess_extension(media_type)
    if extension is None or path.suffix.lower() in mimetypes.guess_all_extensions(media_type):
        return path
    changed = path.with_name(path.name + extension)
    click.echo(f"modelport: {path} gets the extension of {media_type}", err=True)
    # Scripts of OSCAR look for these words, and take the fifth of their line.
    click.echo(f"modelport: New output is {changed}", err=True)
    return changed


def bare(body: bytes) -> bytes:
    """The model's own answer out of `{"status": "OK", "predictions": …}`: what DEEPaaS's command writes."""
    import msgspec

    return bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])["predictions"])


command = click.Command(
    "deepaas-cli",
    callback=_cli,
    params=[
        click.Option(
            ["deepaas_method_output", "--deepaas_method_output", "--deepaas-method-output"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="PATH",
            help="write the answer to this file",
        ),
        *deepaas_options(OWN_SETTINGS),
        load_timeout_option(),
        click.Argument(["method"], type=click.Choice(METHODS), required=False),
        click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED, metavar="[--ARGUMENT VALUE]..."),
    ],
    context_settings={"allow_interspersed_args": False},
    short_help="Run a model's functions, as DEEPaaS's deepaas-cli does.",
    help="Run one function of an installed model, with the options of DEEPaaS's "
    "deepaas-cli. Booleans, lists and dictionaries are Python literals; a file argument takes a path.",
)
