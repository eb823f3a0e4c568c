"""Settings from where users write them: options, `MODELPORT_*` variables, a TOML file, DEEPaaS's names."""

from __future__ import annotations

import configparser
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from modelport.engine.processes import MARK
from modelport.settings import REGRESSIONS, Settings

PREFIX = "MODELPORT_"
MAX_FILE_BYTES = 1 << 20
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
# DEEPaaS's and mlup's names for what has another name here.
DEEPAAS_NAMES = {"listen_ip": "host", "listen_port": "port", "max_queue_size": "queue_size"}
INI_SUFFIXES = (".ini", ".conf", ".cfg")
# mlup names an architecture by its class.
ARCHITECTURES = {
    "mlup.web.architecture.directly_to_predict.DirectlyToPredictArchitecture": "directly_to_predict",
    "mlup.web.architecture.worker_and_queue.WorkerAndQueueArchitecture": "worker_and_queue",
    "mlup.web.architecture.batching.BatchingSingleProcessArchitecture": "batching",
}
LOG_LEVELS = ("debug", "info", "warning", "error")
AT_LEAST_ONE = ("min_batch_len", "throttling_max_requests", "throttling_max_request_len")
SECRETS = ("webhook_secret", "database_url")  # their values, or parts of them, are never shown
POSTGRES = ("postgresql://", "postgres://", "postgresql+")


class SettingsError(ValueError):
    """A setting that cannot be used: its name, what is wrong with it, and what it takes."""


def setting_types() -> dict[str, Any]:
    """The type of each setting by its name."""
    return typing.get_type_hints(Settings)


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
    config_file = config_file or environment.get(PREFIX + "CONFIG")
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
    known = [PREFIX + name.upper() for name in setting_types()] + [PREFIX + "CONFIG"]
    known.append(MARK)  # a server may be started by a model of another
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
    values: dict[str, Any] = {}
    for key, value in given.items():
        name = DEEPAAS_NAMES.get(key.replace("-", "_"), key.replace("-", "_"))
        if name in setting_types():
            values[name] = checked_setting(name, value, f"{path}: {key}")
        elif unknown is not None:
            unknown.append(key)
        else:
            near = difflib.get_close_matches(name, [*setting_types(), *DEEPAAS_NAMES], 1)
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


def checked_setting(name: str, value: Any, where: str) -> Any:
    """The value of a setting in its own type and within its range. `where` is where the user wrote it.

    Raises `SettingsError`.
    """
    kind = setting_types()[name]
    shown = "the value" if name in SECRETS else repr(value)
    optional = isinstance(kind, types.UnionType)
    if optional:
        if value is None or value == "":
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    try:
        ready = _converted(kind, value)
    except (ValueError, TypeError):
        wanted = "a list of texts" if typing.get_origin(kind) is list else f"a value of type {kind.__name__}"
        raise SettingsError(f"{where}: {shown} is not {wanted}") from None
    if name == "log_level":
        ready = ready.lower()
    if name == "mode":
        ready = ARCHITECTURES.get(ready, ready)
    wrong = _out_of_range(name, ready)
    if wrong:
        raise SettingsError(f"{where}: {shown} {wrong}")
    return ready


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
    if kind is int and isinstance(value, float):
        raise TypeError  # int() would cut it
    return kind(value)


def _out_of_range(name: str, value: Any) -> str:
    """What is wrong with a value of the right type; nothing if it can be used."""
    if name == "port" and not 0 <= value <= 65535:
        return "is not between 0 and 65535"
    if name == "log_level":
        return "" if value in LOG_LEVELS else f"is none of {', '.join(LOG_LEVELS)}"
    if name == "mode":
        known = ARCHITECTURES.values()
        return "" if value in known else f"is none of {', '.join(known)}"
    if name in AT_LEAST_ONE and value < 1:
        return "is too small: it must be 1 or more"
    if name == "keep_jobs":
        return _wrong_duration(value)
    if name == "format":
        return _wrong_format(value)
    if name == "best_by":
        return _wrong_order(value)
    if name == "on_regression":
        return "" if value in REGRESSIONS else f"is none of {', '.join(REGRESSIONS)}"
    if name == "database_url" and not value.startswith(POSTGRES):
        return "is no address of a PostgreSQL; write postgresql://user:password@host:5432/name"
    if name in ("allow_hosts", "allow_origins"):
        return _wrong_names(name, value)
    if name == "callback_ports":
        return _wrong_ports(value)
    if name == "queue_size" and value < 1:
        return "is too small: at least one call must be able to wait"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "is not a number of 0 or more" if is_number and not 0 <= value < float("inf") else ""


def _wrong_format(name: str) -> str:
    from modelport.sources.files.formats import FORMATS

    return "" if name in FORMATS else f"is none of {', '.join(FORMATS)}"


def _wrong_order(text: str) -> str:
    from modelport.runs.performance import order_of

    try:
        order_of(text)
    except ValueError:
        return "is no order of runs; write NAME:max or NAME:min, such as f1:max"
    return ""


def _wrong_names(setting: str, names: list[str]) -> str:
    from modelport.security.hosts import host_pattern, normal_origin

    for name in names:
        try:
            if setting == "allow_hosts":
                host_pattern(name)
            elif name != "*":
                normal_origin(name)
        except ValueError as error:
            form = "example.org or *.example.org" if setting == "allow_hosts" else "https://example.org"
            return f"cannot be used: {error}; write for example {form}, or * for any"
    return ""


def _wrong_ports(ports: list[str]) -> str:
    from modelport.security.ports import port_numbers

    try:
        port_numbers(ports)
    except ValueError as error:
        return f"cannot be used: {error}"
    return "" if ports else "names no port"


def _wrong_duration(text: str) -> str:
    from modelport.jobs.durations import seconds_of

    try:
        seconds_of(text)
    except ValueError:
        return "is no duration; write for example 30d, 12h, 45m or 90s, and 0 for ever"
    return ""
