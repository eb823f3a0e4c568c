"""Settings from where users write them: options, `MODELPORT_*` variables, a TOML file, DEEPaaS's names."""

from __future__ import annotations

import configparser
import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelport.settings.checking import SettingsError, checked_setting, declarations, setting_types
from modelport.settings.settings import Settings
from modelport.variables import CONFIG, PREFIX, WORKER_MARK

MAX_FILE_BYTES = 1 << 20
INI_SUFFIXES = (".ini", ".conf", ".cfg")


def option_name(setting: str) -> str:
    """How the command line spells a setting."""
    return "--" + setting.replace("_", "-")


def load_settings(
    options: Mapping[str, Any],
    config_file: str | None = None,
    environment: Mapping[str, str] | None = None,
    spelled: Callable[[str], str] = option_name,
    of_file: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings: options first, then variables, then the file, then defaults.

    `options` holds only what the user gave, where each setting is `spelled` so; `of_file` is what a file
    says that has been read already. Raises `SettingsError` naming the setting and where it stands.
    """
    environment = os.environ if environment is None else environment
    config_file = config_file or environment.get(CONFIG)
    values: dict[str, Any] = dict(of_file or {})
    if config_file and of_file is None:
        values |= settings_of_file(Path(config_file))
    values |= _from_environment(environment)
    for name, value in options.items():
        values[name] = checked_setting(name, value, spelled(name))
    return Settings(**values)


def mistyped_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """`MODELPORT_*` variables that mean nothing but look like a setting, each with that setting's variable.

    Only look-alikes: a container platform sets variables of this prefix for a service called modelport.
    """
    known = [PREFIX + name.upper() for name in setting_types()]
    known += [CONFIG, WORKER_MARK]  # a server may be started by a model of another
    unknown = [name for name in environment if name.startswith(PREFIX) and name not in known]
    near = {name: difflib.get_close_matches(name, known, 1, 0.9) for name in unknown}
    return {name: found[0] for name, found in near.items() if found}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if environment.get("DEEPAAS_V2_MODEL"):
        values["model_name"] = environment["DEEPAAS_V2_MODEL"]
    for name in setting_types():
        text = environment.get(PREFIX + name.upper())
        if text is not None:
            values[name] = checked_setting(name, text, PREFIX + name.upper())
    return values


def settings_of_file(path: Path, unknown: list[str] | None = None) -> dict[str, Any]:
    """What a settings file sets. Keys that are no setting go to `unknown`; without it they are errors.

    Raises `SettingsError` naming the file and the key.
    """
    text = _read(path)
    given = _ini(text, path) if path.suffix in INI_SUFFIXES else _toml(text, path)
    deepaas = {known.also: name for name, known in declarations().items() if known.also}
    values: dict[str, Any] = {}
    for key, value in given.items():
        name = deepaas.get(key.replace("-", "_"), key.replace("-", "_"))
        if name in setting_types():
            values[name] = checked_setting(name, value, f"{path}: {key}")
        elif unknown is not None:
            unknown.append(key)
        else:
            near = difflib.get_close_matches(name, [*setting_types(), *deepaas], 1)
            hint = f"did you mean {near[0]!r}?" if near else "`modelport serve --help` lists them"
            raise SettingsError(f"{path}: there is no setting {key!r}; {hint}")
    return values


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise SettingsError(f"{path}: there is no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: a settings file has at most {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read: {error.strerror}") from None


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: it is not valid TOML: {error}") from None


def _ini(text: str, path: Path) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise SettingsError(f"{path}: it is not a valid INI file: {str(error).splitlines()[0]}") from None
    return dict(parser.defaults())
