"""The command `modelport config`: what holds, for all models and for each, and where it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from modelport.cli.loading import SourceError, answers_only, interruptible, loaded
from modelport.cli.own_process import in_own_process
from modelport.cli.serve_command import GroupedCommand, chosen_settings, read_settings, serve_parameters
from modelport.settings.checking import SettingsError, declarations
from modelport.settings.of_models import names_of_own

if TYPE_CHECKING:
    from modelport.contract.signature import Signature
    from modelport.settings import Settings
    from modelport.sources.source import Source

DEFAULT = "default"
HIDDEN = "(hidden)"
ASKED = "What models say of themselves is known when they are loaded; --load does that, and shows it."

OF_CALLS = ("max_concurrency", "max_batch_size", "max_wait_ms")  # what a model always says

Shown = dict[str, dict[str, Any]]  # of each setting its value, and where it comes from


@click.pass_context
def _config(
    ctx: click.Context,
    sources: tuple[str, ...],
    config: str | None,
    as_json: bool,
    load: bool,
    **options: Any,
) -> None:
    from modelport.cli.to_serve import sources_to_serve
    from modelport.contract.errors import ModelLoadError

    settings, mlup = read_settings(chosen_settings(sources, options), config)
    process = in_own_process(ctx, "a model", settings.load_timeout) if load else None
    try:
        found = sources_to_serve(settings, mlup)
    except (ModelLoadError, SettingsError) as error:
        raise SourceError(str(error)) from None
    asked: dict[str, dict[str, Any]] = {}
    if process is not None:
        process.leave_settings()
        with answers_only(), interruptible():
            asked = {source.name: _asked(loaded(source).signature) for source in found}
            process.loaded()
    general = shown(settings, declarations())
    models = {source.name: _of_model(source, settings, asked.get(source.name, {})) for source in found}
    if as_json:
        click.echo(json.dumps({"settings": general, "models": models}, indent=2))
        return
    _print(general, models)
    if not load:
        click.echo(ASKED)


def shown(settings: Settings, names: Iterable[str]) -> Shown:
    """These settings with where they come from; secrets are not shown."""
    return {
        name: {"value": _open(name, getattr(settings, name)), "from": settings.written.get(name, DEFAULT)}
        for name in names
    }


def _open(name: str, value: Any) -> Any:
    """A value that may be seen: of a secret only that there is one, and how variables are called."""
    if not declarations()[name].secret or not value:
        return value
    return dict.fromkeys(cast("Mapping[str, str]", value), HIDDEN) if isinstance(value, Mapping) else HIDDEN


def _asked(signature: Signature) -> dict[str, Any]:
    calls = {name: getattr(signature.predict, name) for name in OF_CALLS}
    return signature.settings | calls


def _of_model(source: Source, settings: Settings, asked: Mapping[str, Any]) -> Shown:
    own = settings.of(source.name).asked_by(asked)
    listed = settings.models.get(source.name, {}).get("source")
    where = listed.where if listed is not None else settings.written.get("sources", "an entry point")
    return {"source": {"value": str(source), "from": where}} | shown(own, names_of_own())


def _print(general: Shown, models: Mapping[str, Shown]) -> None:
    from rich.table import Table

    from modelport.cli.tables import console, safe

    out = console()
    for title, found in [("all models", general), *models.items()]:
        table = Table(title=title, title_justify="left", title_style="bold")
        for column in ("setting", "value", "from"):
            table.add_column(column, overflow="fold")
        for name, one in found.items():
            style = "dim" if one["from"] == DEFAULT else None
            table.add_row(name, safe(_words(one["value"])), safe(one["from"]), style=style)
        out.print(table)


def _words(value: Any) -> str:
    """A value as a file of settings has it."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        named = cast("Mapping[str, str]", value)
        return "{" + ", ".join(f"{name} = {_words(one)}" for name, one in named.items()) + "}"
    return value if value == HIDDEN else json.dumps(value, ensure_ascii=False)


command = GroupedCommand(
    "config",
    callback=_config,
    params=[
        *serve_parameters()[:2],
        click.Option(["as_json", "--json"], is_flag=True, help="print JSON"),
        click.Option(
            ["load", "--load"], is_flag=True, help="load the models for what they say of themselves"
        ),
        *serve_parameters()[2:],
    ],
    short_help="Show what holds for each model, and where it was written.",
    help="Show every setting that `modelport serve` with the same arguments would have, for all models and "
    "for each of them, and where its value comes from: default, file, variable, option, or the model itself. "
    "Secrets are not shown.",
)
