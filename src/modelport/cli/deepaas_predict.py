"""The command `modelport deepaas-predict`: one prediction of one file or URL, as DEEPaaS's command has it."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from modelport.cli.deepaas_cli import OWN_SETTINGS, bare, installed_source
from modelport.cli.deepaas_options import deepaas_options, deepaas_settings
from modelport.cli.loading import answers_only, interruptible, load_timeout_option, loaded, prepared
from modelport.cli.own_process import in_own_process

if TYPE_CHECKING:
    from modelport.cli.model_options import ModelOption
    from modelport.contract.signature import Argument

FILES = ("data", "files")  # what is meant where a model takes several files, by its name
URLS = ("urls", "url")
TOLD = "modelport: deepaas-predict is deprecated, in DEEPaaS too; deepaas-cli predict has every argument"


@click.pass_context
def _predict(
    ctx: click.Context, input_file: str, output: Path, content_type: str, url: bool, **values: Any
) -> None:
    process = in_own_process(ctx, values.get("model_name") or "deepaas-predict", values.pop("load_timeout"))
    from modelport.cli.answer_output import AnswerOutput, Habits
    from modelport.cli.model_options import model_options
    from modelport.cli.one_call import one_call

    click.echo(TOLD, err=True)
    if not url and not Path(input_file).is_file():
        raise click.UsageError(f"--input-file: there is no file {input_file} (a URL needs --url)")
    chosen = deepaas_settings(values, OWN_SETTINGS)
    debug = bool(chosen.get("debug"))
    source = installed_source(chosen.get("model_name"))
    process.leave_settings()
    with answers_only(), interruptible():
        model = loaded(source, debug=debug)
    signature = model.signature
    options = model_options(signature.predict.arguments, signature.definitions)
    taking = _url_option(options) if url else _file_option(options)
    if taking is None:
        known = ", ".join(option.flag for option in options) or "no arguments"
        raise click.UsageError(
            f"the model {source.name!r} takes {known}: which of them is {'the URL' if url else 'the file'}, "
            "nobody can tell; use deepaas-cli predict"
        )
    given: dict[str, Any] = {taking.parameter: (input_file,) if taking.is_repeated else input_file}
    habits = Habits(bare if signature.predict.wrapped else None, _named, _told)
    with one_call(model, source, options, given, content_type, "python") as one:
        path = output / f"out_{Path(input_file).stem}"
        answer = AnswerOutput(one.stdout, path, options, debug=debug, habits=habits)
        prepared(model, debug=debug, warm=bool(chosen.get("warm", True)))
        process.loaded()
        one.answer(answer)


def _file_option(options: list[ModelOption]) -> ModelOption | None:
    return _only([option for option in options if option.argument.is_upload], FILES)


def _url_option(options: list[ModelOption]) -> ModelOption | None:
    found = [one for one in options if one.argument.name in URLS or _is_url(one.argument)]
    return _only(found, URLS)


def _is_url(argument: Argument) -> bool:
    items = cast("dict[str, Any]", argument.schema.get("items") or argument.schema)
    return items.get("format") in ("url", "uri")


def _only(found: list[ModelOption], names: tuple[str, ...]) -> ModelOption | None:
    """The one that there is, or that is required, or that has the first of these names."""
    for some in (found, [one for one in found if one.argument.required]):
        if len(some) == 1:
            return some[0]
    return next((one for name in names for one in found if one.argument.name == name), None)


def _named(path: Path, media_type: str) -> Path:
    """The file in its folder, which is made, with the extension of what goes into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + (mimetypes.guess_extension(media_type) or ""))


def _told(answer: bytes | Path, stdout: int) -> bool:
    os.write(stdout, f"Output saved at {answer}\n".encode(errors="surrogateescape"))
    return False


command = click.Command(
    "deepaas-predict",
    callback=_predict,
    hidden=True,  # it is deprecated, as DEEPaaS's own is
    params=[
        click.Option(
            ["input_file", "-i", "--input-file"],
            required=True,
            metavar="PATH",
            help="the file to predict on, or with --url its URL",
        ),
        click.Option(
            ["output", "-o", "--output"],
            type=click.Path(file_okay=False, path_type=Path),
            required=True,
            metavar="FOLDER",
            help="the folder for the answer, which is called out_NAME there; it is made",
        ),
        click.Option(
            ["content_type", "-ct", "--content-type"],
            default="application/json",
            metavar="TYPE",
            help="the media type of the answer [default: application/json]",
        ),
        click.Option(["url", "-u", "--url/--nourl"], default=False, help="the input is a URL"),
        *deepaas_options(OWN_SETTINGS),
        load_timeout_option(),
    ],
    short_help="Predict on one file or URL, as DEEPaaS's deepaas-predict does.",
    help="Predict on one file or URL with an installed model, with the options of DEEPaaS's deepaas-predict. "
    "The model must take one file, or one URL; deepaas-cli has every argument.",
)
