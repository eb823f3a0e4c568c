"""The commands `modelport train` and `modelport validate`: a job of its own, here, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.loading import file_options, source_with_options

if TYPE_CHECKING:
    from modelport.cli.local_training import Prepared
    from modelport.contract.signature import Signature, VerbName
    from modelport.sources.source import Source

CANCEL_GRACE = 10.0
OWN = ("output", "cancel_grace", "debug")
HELP_FLAGS = ("-h", "--help")
HELP = {
    "train": "Load a model and train it with these arguments, in a process of its own. Its log, progress and "
    "metrics are shown as they come; what it returns is printed as JSON. ",
    "validate": "Load a model and validate it with these arguments, in a process of its own. Its log, "
    "progress and metrics are shown as they come; what it returns is printed as JSON. ",
}


def own_options(taken: set[str]) -> list[click.Parameter]:
    """The options of the commands themselves; a name that the model has too is the model's."""

    def names(parameter: str, *flags: str) -> list[str]:
        free = [flag for flag in flags if flag not in taken]
        return [parameter, *(free or [f"--modelport-{parameter.replace('_', '-')}"])]

    return [
        click.Option(
            names("output", "-o", "--output"),
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="folder for artifacts, checkpoints, log, metrics and result "
            "[default: modelport-runs/TIME-NAME]",
        ),
        click.Option(
            names("cancel_grace", "--cancel-grace"),
            type=click.FloatRange(min=0.0, max=86400.0),
            metavar="SECONDS",
            envvar="MODELPORT_CANCEL_GRACE",
            help=f"time that a cancelled job gets to end before it is killed [default: {CANCEL_GRACE:g}]",
        ),
        click.Option(
            names("debug", "-d", "--debug"), is_flag=True, help="show the traceback if loading fails"
        ),
    ]


def job_command(verb: VerbName) -> click.Command:
    """The command that runs this function of a model."""

    @click.pass_context
    def run(ctx: click.Context, source: str, arguments: tuple[str, ...], **own: Any) -> None:
        given = list(arguments)
        server = own.pop("server") or _named_after(source, given)
        if server:
            from modelport.cli.server_training import run_at

            folder = own["output"] or _taken_out(given, "-o", "--output")
            run_at(server, verb, source, given, Path(folder) if folder else None)
            return
        found = source_with_options(source, own, given)
        load_timeout: float = own.pop("load_timeout")
        _run(ctx, verb, found, given, own, load_timeout)

    return click.Command(
        verb,
        callback=run,
        params=[
            click.Argument(["source"], metavar="[NAME=]SOURCE"),
            click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED, metavar="[--ARGUMENT VALUE]..."),
            *own_options(set()),
            click.Option(
                ["server", "--server"],
                metavar="URL",
                help=f"{verb} at this server: the source is the name of one of its models",
            ),
            *file_options(),
        ],
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        short_help=f"{verb.capitalize()} a model here or at a server, with live progress.",
        help=HELP[verb] + "Ctrl-C asks it to stop, and once more kills it. The model's arguments are "
        f"options: `modelport {verb} SOURCE --help` lists them.",
    )


def _named_after(source: str, arguments: list[str]) -> str | None:
    """The server that is named after the source, unless that is a file, whose own option it may be."""
    if "/" in source or source.endswith(".py") or Path(source).exists():
        return None
    return _taken_out(arguments, "--server")


def _taken_out(arguments: list[str], *flags: str) -> Any:
    """The value of an option among others, which it is taken out of."""
    for number, text in enumerate(arguments):
        flag, sign, value = text.partition("=")
        if flag in flags and sign:
            del arguments[number]
            return value
        if text in flags and number + 1 < len(arguments):
            value = arguments[number + 1]
            del arguments[number : number + 2]
            return value
    return None


def _run(
    ctx: click.Context,
    verb: VerbName,
    source: Source,
    arguments: list[str],
    own: dict[str, Any],
    load_timeout: float,
) -> None:
    from modelport.cli.local_training import Loading, run_here

    def prepare(signature: Signature, temp: Path) -> Prepared:
        inner = _ModelCommand(verb, source, signature)
        with inner.command().make_context(f"{ctx.info_name} {source}", arguments, parent=ctx.parent) as said:
            values: dict[str, Any] = said.command.invoke(said)
            return inner.prepared(values, own, temp)

    only_help = any(flag in arguments for flag in HELP_FLAGS)
    debug = bool(own["debug"]) or "--debug" in arguments or "-d" in arguments
    run_here(source, verb, prepare, Loading(not only_help, load_timeout, debug))


class _ModelCommand:
    """The command that has the model's own options."""

    def __init__(self, verb: VerbName, source: Source, signature: Signature):
        from modelport.cli.model_options import model_options

        self.verb: VerbName = verb
        self.source = source
        self.signature = signature
        self.operation = signature.operation(verb)
        self.options = model_options(self.operation.arguments, signature.definitions)

    def command(self) -> click.Command:
        """As click parses it; invoked, it returns the values."""
        from modelport.cli.model_options import click_options

        params = click_options(self.options, self.signature.definitions)
        taken = {flag for param in params for flag in param.opts}
        said = str(self.signature.metadata.get("description") or "")
        return click.Command(
            self.verb,
            callback=_as_given,
            params=[*params, *own_options(taken)],
            context_settings={"help_option_names": [flag for flag in HELP_FLAGS if flag not in taken]},
            help="\n\n".join([said, f"Runs the model's {self.verb}()."]),
        )

    def prepared(self, values: dict[str, Any], own: dict[str, Any], temp: Path) -> Prepared:
        """The call and all that belongs to it. Raises `click.UsageError`."""
        from modelport.cli.answer_output import AnswerOutput
        from modelport.cli.local_training import Prepared
        from modelport.cli.model_call import CallMaker
        from modelport.cli.model_options import given_texts
        from modelport.cli.run_folder import new_run_folder

        chosen = {name: _first(values.pop(name), own[name]) for name in OWN}
        given = given_texts(self.options, values)
        maker = CallMaker(self.options, self.signature.contract == "typed", temp)
        return Prepared(
            maker.call(given, verb=self.verb),
            chosen["output"] or new_run_folder(self.source.name),
            AnswerOutput(sys.stdout.buffer, None, self.options),
            _first(chosen["cancel_grace"], CANCEL_GRACE),
            debug=bool(chosen["debug"]),
        )


def _as_given(**values: Any) -> dict[str, Any]:
    return values


def _first(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None or value is False else value


train = job_command("train")
validate = job_command("validate")
