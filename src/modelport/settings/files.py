"""A file of settings: TOML, with tables of models that have some otherwise; or an INI file of DEEPaaS."""

from __future__ import annotations

import configparser
import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from modelport.settings.checking import SettingsError, checked_setting, declarations, setting_types
from modelport.settings.declaring import Written
from modelport.settings.of_models import Own, own_of_tables

MAX_FILE_BYTES = 1 << 20
INI_SUFFIXES = (".ini", ".conf", ".cfg")
MODELS = "models"  # the tables of single models


class FileSettings(NamedTuple):
    """What a file sets: for all models, and for single ones."""

    values: Mapping[str, Written] = MappingProxyType({})
    models: Own = MappingProxyType({})


def settings_of_file(path: Path, unknown: list[str] | None = None) -> FileSettings:
    """What a settings file sets. Keys that are no setting go to `unknown`; without it they are errors.

    Raises `SettingsError` naming the file and the key.
    """
    text = _read(path)
    is_ini = path.suffix in INI_SUFFIXES
    given = _ini(text, path) if is_ini else _toml(text, path)
    own: Own = {} if is_ini else own_of_tables(given.pop(MODELS, {}), str(path))
    deepaas = {known.also: name for name, known in declarations().items() if known.also}
    values: dict[str, Written] = {}
    for key, value in given.items():
        name = deepaas.get(key.replace("-", "_"), key.replace("-", "_"))
        where = f"{path}: {key}"
        if name in setting_types():
            values[name] = Written(checked_setting(name, value, where), where)
        elif unknown is not None:
            unknown.append(key)
        else:
            near = difflib.get_close_matches(name, [*setting_types(), *deepaas, MODELS], 1)
            hint = f"did you mean {near[0]!r}?" if near else "`modelport serve --help` lists them"
            raise SettingsError(f"{path}: there is no setting {key!r}; {hint}")
    return FileSettings(values, own)


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
