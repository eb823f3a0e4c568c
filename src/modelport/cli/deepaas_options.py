"""DEEPaaS's own options: those that are settings here, and those that mean nothing any more.

Source: the help of `deepaas-run` and `deepaas-cli` of DEEPaaS 2.6, with what oslo.config adds to both.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from modelport import __version__
from modelport.cli.setting_options import MODELS, given, setting_options
from modelport.settings.checking import SettingsError, setting_fields
from modelport.settings.files import INI_SUFFIXES, settings_of_file
from modelport.settings.of_models import Own, merged, own_of_options
from modelport.settings.reading import option_name
from modelport.variables import PREFIX

SETTINGS = (
    "host", "port", "base_path", "model_name", "workers", "client_max_size", "warm", "train_endpoint",
    "predict_endpoint", "doc_endpoint", "debug_endpoint", "debug", "log_level", "log_file",
)  # fmt: skip
NAMES = tuple(field.name for field in setting_fields() if field.name != "sources")
MEANINGLESS = (
    "openwhisk-detect", "deepaas_with_multiprocessing", "log-config-append", "log-date-format", "log-dir",
    "use-syslog", "syslog-log-facility", "use-journal", "use-json", "use-eventlog", "watch-log-file",
)  # fmt: skip
SWITCHES = (
    "openwhisk-detect", "deepaas_with_multiprocessing", "use-syslog", "use-journal", "use-json",
    "use-eventlog", "watch-log-file",
)  # fmt: skip
ALIASES = {"log-config-append": ["--log-config", "--log_config"], "log-dir": ["--logdir"]}
LOG_FILE = "log_file"  # which DEEPaaS calls --logfile, too
# What DEEPaaS's other commands take, too, and only a server has.
OF_SERVERS = (
    "workers", "client_max_size", "train_endpoint", "predict_endpoint", "doc_endpoint", "debug_endpoint",
)  # fmt: skip


def deepaas_options(settings: tuple[str, ...] = SETTINGS, others: bool = False) -> list[click.Parameter]:
    """The options of a DEEPaaS command: these settings, the files of settings, and what means nothing.

    It also takes what only a server has, and with `others` every other setting, which its help leaves out.
    """
    shown = [option for option in setting_options() if option.name in settings]
    for option in shown:
        if option.name == LOG_FILE:
            option.opts.append("--logfile")
    more = [option for option in setting_options() if option.name not in settings]
    return [
        *shown,
        *(_hidden(option) for option in more if others or option.name in OF_SERVERS),
        click.Option(
            ["config_files", "--config-file"], multiple=True, metavar="PATH", help="an INI file, or TOML"
        ),
        click.Option(
            ["config_dirs", "--config-dir"],
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            multiple=True,
            metavar="FOLDER",
            help="a folder whose *.conf files are read after these, by their names",
        ),
        *(_meaningless(name) for name in MEANINGLESS),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="print the version of DEEPaaS whose commands these are, and of modelport",
        ),
    ]


def _hidden(option: click.Parameter) -> click.Parameter:
    assert isinstance(option, click.Option)
    option.hidden = True
    return option


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from modelport.sources.deepaas_modules import CONTENT

        click.echo(f"modelport {__version__} in place of DEEPaaS", err=True)
        click.echo(CONTENT["deepaas"]["__version__"])  # alone: scripts compare its numbers, OSCAR's for one
        ctx.exit()


def _meaningless(name: str) -> click.Option:
    parameter = name.replace("-", "_")
    if name in SWITCHES:
        return click.Option([parameter, f"--{name}/--no{name}"], default=None, hidden=True)
    return click.Option([parameter, f"--{name}", *ALIASES.get(name, [])], default=None, hidden=True)


def deepaas_settings(values: dict[str, Any], used: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """The settings that DEEPaaS's options and files make; what means nothing is named on stderr.

    So are options of settings that are not `used`. Those of single models are at `MODELS`. A variable stands
    between the options and the files, as for every command. Raises `click.UsageError`.
    """
    meaningless = [*MEANINGLESS, *(option_name(name)[2:] for name in OF_SERVERS if name not in used)]
    ignored = ["--" + name for name in meaningless if values.get(name.replace("-", "_")) is not None]
    found: dict[str, Any] = {}
    own: Own = {}
    folders: tuple[Path, ...] = values.get("config_dirs") or ()
    of_folders = (path for folder in folders for path in sorted(folder.glob("*.conf")))
    for path in (*map(Path, values.get("config_files") or ()), *of_folders):
        unknown: list[str] = []
        try:
            # DEEPaaS passes over keys that it does not know; a TOML file is ours, and is read strictly.
            lenient = unknown if path.suffix in INI_SUFFIXES else None
            read = settings_of_file(path, lenient)
        except SettingsError as error:
            raise click.UsageError(str(error)) from None
        found |= {name: one.value for name, one in read.values.items()}
        own = merged(own, read.models)
        ignored += [f"{key} (in {path})" for key in unknown]
    if ignored:
        click.echo(f"modelport: these mean nothing here, and are ignored: {', '.join(ignored)}", err=True)
    by_variable = {name for name in found if PREFIX + name.upper() in os.environ}
    if os.environ.get("DEEPAAS_V2_MODEL"):
        by_variable.add("model_name")
    of_files = {name: value for name, value in found.items() if name not in by_variable}
    try:
        own = merged(own, own_of_options(values.get(MODELS) or ()))
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    return of_files | given({name: values.get(name) for name in NAMES}) | ({MODELS: own} if own else {})
