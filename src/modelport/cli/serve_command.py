"""The command `modelport serve`: its arguments, and the settings they make."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.setting_options import MODELS, given, setting_options
from modelport.settings.checking import SettingsError, declarations
from modelport.settings.declaring import Written
from modelport.settings.files import FileSettings, settings_of_file
from modelport.settings.of_models import own_of_options
from modelport.settings.platform import on_platform
from modelport.settings.reading import load_settings, mistyped_variables
from modelport.variables import CONFIG

if TYPE_CHECKING:
    from modelport.cli.mlup_config import MlupFile
    from modelport.settings import Settings


def _serve(sources: tuple[str, ...], config: str | None, opens_page: bool, **options: Any) -> None:
    serve_with(chosen_settings(sources, options), config, opens_page=opens_page)


def chosen_settings(sources: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    """What the arguments of a command say, those of single models at `MODELS`. Raises `click.UsageError`."""
    chosen = given(options)
    try:
        own = own_of_options(chosen.pop(MODELS, ()))
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    return chosen | ({MODELS: own} if own else {}) | ({"sources": list(sources)} if sources else {})


def serve_with(chosen: dict[str, Any], config: str | None, *, opens_page: bool = False) -> None:
    """Serve with these settings over those of the variables and the file, and end the process."""
    settings, mlup = read_settings(chosen, config)
    sys.exit(_run_server()(settings, mlup, opens_page=opens_page))


def read_settings(chosen: dict[str, Any], config: str | None) -> tuple[Settings, MlupFile | None]:
    """What holds by arguments, variables and the file, which may be mlup's. Raises `click.UsageError`."""
    for wrong, right in mistyped_variables(os.environ).items():
        click.echo(f"modelport: the variable {wrong} is no setting; did you mean {right}?", err=True)
    own = chosen.pop(MODELS, {})
    try:
        service = _service_file(chosen, config or os.environ.get(CONFIG))
        mlup = None if service else _mlup_file(chosen, config or os.environ.get(CONFIG))
        file = _of_mlup(mlup) if mlup else service
        settings = load_settings(chosen, config, of_file=file, models=own)
        if mlup is None and len(settings.sources) == 1:
            mlup = _of_application(settings)
            if mlup is not None:
                file = _over(_of_mlup(mlup), service, config)
                settings = load_settings(chosen, config, of_file=file, models=own)
        settings = on_platform(settings, os.environ)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    if mlup is not None and not settings.sources:
        settings = dataclasses.replace(settings, sources=[_source_of(mlup)])
    return settings, mlup


def _run_server() -> Callable[..., int]:
    """`run_server`, with all that it imports.

    None of that is ever garbage, so the collector need not look for any there: a quarter of the processor
    time of a start and a stop went into that.
    """
    gc.disable()
    try:
        from modelport.cli.serve import run_server
    finally:
        gc.enable()
    gc.freeze()
    return run_server


def _service_file(chosen: dict[str, Any], config: str | None) -> FileSettings | None:
    """What the file of settings says that is the source; `None` if none is. Raises `SettingsError`."""
    sources: list[str] = chosen.get("sources", [])
    found = [text for text in sources if text.endswith(SERVICE_SUFFIX)]
    if not found:
        return None
    name, equals, rest = found[0].partition("=")
    if equals and not Path(found[0]).exists():
        raise SettingsError(f"{rest}: a file of settings names its models itself; leave {name}= out")
    if len(sources) > 1:
        raise SettingsError(
            f"{found[0]}: a file of settings names its models itself; to serve others with its settings, "
            f"write modelport serve SOURCE --config {found[0]}"
        )
    if config:
        raise SettingsError(f"{found[0]}: there is a second file of settings, {config}; give one of them")
    del chosen["sources"]
    from modelport.cli.service_file import service_file

    return service_file(Path(found[0]))


def _mlup_file(chosen: dict[str, Any], config: str | None) -> MlupFile | None:
    """The mlup configuration, which is given as a source or as the file of settings; `None` if none is."""
    from modelport.cli.mlup_reading import is_mlup_file

    sources = chosen.get("sources", [])
    found = [text for text in sources if is_mlup_file(text)]
    if len(found) > 1 or (found and len(sources) > 1):
        raise SettingsError(
            f"{found[0]}: an mlup configuration serves one model; to name that yourself, write "
            f"modelport serve SOURCE --config {found[0]}"
        )
    if found:
        del chosen["sources"]
        if config:
            raise SettingsError(f"{found[0]}: there is a second file of settings, {config}; give one of them")
    elif config and is_mlup_file(config):
        found = [config]
    if not found:
        return None
    from modelport.cli.mlup_config import mlup_file

    return mlup_file(Path(found[0]))


def _of_mlup(mlup: MlupFile) -> FileSettings:
    return FileSettings({name: Written(value, str(mlup.path)) for name, value in mlup.settings.items()})


def _of_application(settings: Settings) -> MlupFile | None:
    """The configuration of the application that the one source is, if it may be loaded."""
    if len(settings.models) == 1:
        settings = settings.of(next(iter(settings.models)))
    if not settings.trust:
        return None
    from modelport.cli.mlup_pickle import mlup_of_pickle

    return mlup_of_pickle(settings.sources[0], settings.format or "")


def _over(of_application: FileSettings, service: FileSettings | None, config: str | None) -> FileSettings:
    """The settings of an application, and over them those of the file, if there is one."""
    config = config or os.environ.get(CONFIG)
    file = service or (settings_of_file(Path(config)) if config else FileSettings())
    return FileSettings({**of_application.values, **file.values}, file.models)


def _source_of(mlup: MlupFile) -> str:
    if not mlup.source:
        raise click.UsageError(
            f"{mlup.path}: it does not say where the model is: set ml.storage_type to "
            "mlup.ml.storage.local_disk.DiskStorage with storage_kwargs.path_to_files, or name the model: "
            f"modelport serve SOURCE --config {mlup.path}"
        )
    return mlup.source


# The first option of each group that --help shows, and the group's heading.
GROUPS = {"config": "Options"} | {
    name: known.heading for name, known in declarations().items() if known.heading
}


SERVICE_SUFFIX = ".toml"


class GroupedCommand(click.Command):
    """A command whose many options stand below headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        heading = ""
        found: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            heading = GROUPS.get(param.name or "", "" if param.name == "help" else heading)
            record = param.get_help_record(ctx)
            if record is not None:
                found.setdefault(heading or "Options", []).append(record)
        for heading, records in found.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def serve_parameters() -> list[click.Parameter]:
    """What a server is made of: sources, a file of settings, and every setting."""
    return [
        click.Argument(["sources"], nargs=-1, metavar="[[NAME=]SOURCE]..."),
        click.Option(
            ["config", "--config", "--config-file"],
            metavar="FILE",
            help="a TOML file of settings, or a configuration of mlup",
        ),
        *setting_options(),
    ]


# No setting: by a variable or a file every server would open a browser, and not only that of who types this.
OPEN = click.Option(
    ["opens_page", "--open"], is_flag=True, help="open the page in a browser once the server listens"
)

command = GroupedCommand(
    "serve",
    callback=_serve,
    params=[*serve_parameters()[:2], OPEN, *serve_parameters()[2:]],
    short_help="Serve models over HTTP.",
    help="Serve models. A SOURCE is package.module, package.module:Class, path/to/model.py[:Class] or "
    "entrypoint:NAME; without one, every installed deepaas.v2.model entry point is served. A SOURCE that "
    "ends in .toml is a file of settings, which names the models.",
)
