"""The command `modelport predict`: one prediction, or those of a table's rows, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.loading import (
    answers_only,
    file_options,
    interruptible,
    loaded,
    prepared,
    source_with_options,
)
from modelport.cli.own_process import in_own_process

if TYPE_CHECKING:
    from modelport.cli.model_options import ModelOption
    from modelport.contract.served import ServedModel
    from modelport.sources.source import Source

ARGUMENTS = "[TABLE] [--ARGUMENT VALUE]..."
HELP_FLAGS = ("-h", "--help")
ABOUT_TABLES = ("table", "keep", "on_error", "chunk_rows")


def own_options(taken: set[str]) -> list[click.Parameter]:
    """The options of the command itself; a long name that the model has too is the model's."""

    def names(parameter: str, short: str, long: str) -> list[str]:
        return [parameter, short, *([] if long in taken else [long])]

    return [
        click.Option(
            names("accept", "-a", "--accept"),
            metavar="MEDIA_TYPE",
            help="what to answer, as an Accept header",
        ),
        click.Option(
            names("output", "-o", "--output"),
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            metavar="FILE",
            help="write the answer to this file",
        ),
        click.Option(
            names("debug", "-d", "--debug"), is_flag=True, help="show the traceback if the model fails"
        ),
    ]


def table_parameters(taken: set[str]) -> list[click.Parameter]:
    """The table, and the options about its rows; those whose names the model has are not there."""
    from modelport.contract.calls import ON_ERROR

    options = [
        click.Option(
            ["keep", "--keep"],
            multiple=True,
            metavar="COLUMN",
            help="of a table: a column for the answer, too",
        ),
        click.Option(
            ["on_error", "--on-error"],
            type=click.Choice(ON_ERROR),
            help="of a table: keep errors in the places of their rows, or fail at the first [default: keep]",
        ),
        click.Option(
            ["chunk_rows", "--chunk-rows"],
            type=click.IntRange(1),
            metavar="ROWS",
            help="of a table: rows that the model gets at once",
        ),
    ]
    file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
    return [
        click.Argument(["table"], required=False, type=file, metavar="[TABLE]"),
        *(option for option in options if not taken.intersection(option.opts)),
    ]


@click.pass_context
def _predict(ctx: click.Context, source: str, arguments: tuple[str, ...], **own: Any) -> None:
    process = in_own_process(ctx, source, own.pop("load_timeout"))
    given = list(arguments)
    found = source_with_options(source, own, given)
    process.leave_settings()
    with answers_only(), interruptible():
        model = loaded(found, debug=own["debug"] or "--debug" in arguments or "-d" in arguments)
    inner = _command_of(model, found, own | {"process": process})
    with inner.make_context(f"{ctx.info_name} {source}", given, parent=ctx.parent) as context:
        inner.invoke(context)


def _command_of(model: ServedModel, source: Source, own: dict[str, Any]) -> click.Command:
    """The command that has the model's own options."""
    from modelport.cli.model_options import click_options, model_options

    signature = model.signature
    options = model_options(signature.predict.arguments, signature.definitions)
    params = click_options(options, signature.definitions)
    taken = {flag for param in params for flag in param.opts}

    def run(**values: Any) -> None:
        about = {name: values.pop(name, None) or None for name in ABOUT_TABLES}
        chosen = {name: values.pop(name) or own[name] for name in ("accept", "output", "debug")}
        chosen["process"] = own["process"]
        if about["table"] is not None:
            _answer_rows(model, source, options, values, chosen | about)
            return
        for name in [name for name, value in about.items() if value is not None]:
            raise click.UsageError(
                f"--{name.replace('_', '-')} is for a table: modelport predict SOURCE TABLE"
            )
        _answer(model, source, options, values, chosen)

    said = str(signature.metadata.get("description") or "")
    return click.Command(
        source.name,
        callback=run,
        params=[*params, *own_options(taken), *table_parameters(taken)],
        context_settings={"help_option_names": [f for f in HELP_FLAGS if f not in taken]},
        help="\n\n".join([said, f"Answers {' or '.join(signature.predict.media_types)}."]),
    )


def _answer(
    model: ServedModel,
    source: Source,
    options: list[ModelOption],
    values: dict[str, Any],
    chosen: dict[str, Any],
) -> None:
    from modelport.cli.answer_output import AnswerOutput
    from modelport.cli.one_call import one_call

    path: Path | None = chosen["output"]
    check_folder(path)
    with one_call(model, source, options, values, chosen["accept"] or "") as one:
        prepared(model, debug=chosen["debug"])
        chosen["process"].loaded()
        one.answer(AnswerOutput(one.stdout, path, options, debug=chosen["debug"]))


def _answer_rows(
    model: ServedModel,
    source: Source,
    options: list[ModelOption],
    values: dict[str, Any],
    chosen: dict[str, Any],
) -> None:
    from modelport.cli.table_prediction import TableOrder, predict_table

    check_folder(chosen["output"])
    _check_apart(chosen["table"], chosen["output"])
    order = TableOrder(
        table=chosen["table"],
        output=chosen["output"],
        accept=chosen["accept"] or "",
        keep=chosen["keep"] or (),
        on_error=chosen["on_error"] or "keep",
        chunk_rows=chosen["chunk_rows"] or 0,
        debug=chosen["debug"],
    )

    def prepare() -> None:
        prepared(model, debug=order.debug)
        chosen["process"].loaded()

    predict_table(model, source, options, values, order, prepare)


def check_folder(path: Path | None) -> None:
    """Refuse an output file whose folder does not exist, before the model has worked for it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.UsageError(f"Invalid value for '--output': there is no folder {str(path.parent)!r}")


def _check_apart(table: Path, output: Path | None) -> None:
    """Refuse to write the answer over the rows that it is made from."""
    if output is not None and output.exists() and output.samefile(table):
        raise click.UsageError(f"Invalid value for '--output': {output} is the table that is predicted")


command = click.Command(
    "predict",
    callback=_predict,
    params=[
        click.Argument(["source"], metavar="[NAME=]SOURCE"),
        click.Argument(
            ["arguments"], nargs=-1, type=click.UNPROCESSED, metavar="[TABLE] [--ARGUMENT VALUE]..."
        ),
        *own_options(set()),
        *file_options(),
    ],
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Predict once, without a server.",
    help="Load a model, predict once, and print the answer that its server would give. The model's "
    "arguments are options: `modelport predict SOURCE --help` lists them. With a TABLE (CSV, Parquet, Arrow, "
    "JSON Lines) each of its rows is predicted.",
)
