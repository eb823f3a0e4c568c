"""Settings from where users write them: options, `MODELPORT_*` variables, a TOML file, DEEPaaS's names."""

from __future__ import annotations

import configparser
import dataclasses
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from modelport.settings import Settings

PREFIX = "MODELPORT_"
MAX_FILE_BYTES = 1 << 20
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
# DEEPaaS's names for what has another name here.
DEEPAAS_NAMES = {"listen_ip": "host", "listen_port": "port"}
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """A setting that cannot be used: its name, what is wrong with it, and what it takes."""


def setting_types() -> dict[str, Any]:
    """The type of each setting by its name."""
    return typing.get_type_hints(Settings)


def load_settings(
    options: Mapping[str, Any], config_file: str | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings: options first, then variables, then the file, then defaults.

    `options` holds only what the user gave. Raises `SettingsError` naming the setting.
    """
    environment = os.environ if environment is None else environment
    config_file = config_file or environment.get(PREFIX + "CONFIG")
    values: dict[str, Any] = {}
    if config_file:
        values |= _from_file(Path(config_file))
    values |= _from_environment(environment)
    for name, value in options.items():
        values[name] = _checked(name, value, "--" + name.replace("_", "-"))
    settings = Settings(**values)
    _check_ranges(settings)
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if environment.get("DEEPAAS_V2_MODEL"):
        values["model_name"] = environment["DEEPAAS_V2_MODEL"]
    for name in setting_types():
        text = environment.get(PREFIX + name.upper())
        if text is not None:
            values[name] = _checked(name, text, PREFIX + name.upper())
    return values


def _from_file(path: Path) -> dict[str, Any]:
    text = _read(path)
    given = _ini(text, path) if path.suffix in (".ini", ".conf", ".cfg") else _toml(text, path)
    values: dict[str, Any] = {}
    for key, value in given.items():
        name = DEEPAAS_NAMES.get(key.replace("-", "_"), key.replace("-", "_"))
        if name not in setting_types():
            raise SettingsError(f"{path}: there is no setting {key!r}; `modelport serve --help` lists them")
        values[name] = _checked(name, value, f"{path}: {key}")
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


def _checked(name: str, value: Any, where: str) -> Any:
    kind = setting_types()[name]
    optional = isinstance(kind, types.UnionType)
    if optional:
        if value is None or value == "":
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    try:
        return _converted(kind, value)
    except (ValueError, TypeError):
        wanted = "a list of texts" if typing.get_origin(kind) is list else f"a value of type {kind.__name__}"
        raise SettingsError(f"{where}: {value!r} is not {wanted}") from None


def _converted(kind: Any, value: Any) -> Any:
    if typing.get_origin(kind) is list:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in cast("list[Any]", value)):
            return list(cast("list[str]", value))
        raise TypeError
    if kind is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in TRUE + FALSE:
            return value.lower() in TRUE
        raise TypeError
    if kind is str:
        if not isinstance(value, str) or "\0" in value:
            raise TypeError
        return value
    if isinstance(value, bool) or (isinstance(value, str) and not value.isascii()):
        raise TypeError
    return kind(value)


def _check_ranges(settings: Settings) -> None:
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"port: {settings.port} is not between 0 and 65535")
    if settings.log_level not in LOG_LEVELS:
        raise SettingsError(f"log_level: {settings.log_level!r} is none of {', '.join(LOG_LEVELS)}")
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 <= value < float("inf"):
            raise SettingsError(f"{field.name}: {value!r} must not be negative")
    if settings.queue_size < 1:
        raise SettingsError("queue_size: at least one call must be able to wait")
