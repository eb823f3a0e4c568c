"""Settings from where users write them: options, `MODELPORT_*` variables, a TOML file, DEEPaaS's names."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelport.settings.checking import checked_setting, setting_types
from modelport.settings.declaring import Written, over
from modelport.settings.files import FileSettings, settings_of_file
from modelport.settings.of_models import Own, merged, own_of_variable
from modelport.settings.settings import SOURCE, Settings
from modelport.variables import (
    CA_FILE,
    CLIENT_CERT,
    CLIENT_KEY,
    CONFIG,
    KEY,
    MODEL_VARIABLE,
    PREFIX,
    WORKER_MARK,
)


def option_name(setting: str) -> str:
    """How the command line spells a setting."""
    return "--" + setting.replace("_", "-")


def load_settings(
    options: Mapping[str, Any],
    config_file: str | None = None,
    environment: Mapping[str, str] | None = None,
    spelled: Callable[[str], str] = option_name,
    of_file: FileSettings | None = None,
    models: Own | None = None,
) -> Settings:
    """The settings: options first, then variables, then the file, then defaults.

    `options` holds only what the user gave, where each setting is `spelled` so; `of_file` is what a file
    says that has been read already; `models` what the user gave for single models, which comes before what
    the file says of them. Raises `SettingsError` naming the setting and where it stands.
    """
    environment = os.environ if environment is None else environment
    config_file = config_file or environment.get(CONFIG)
    if of_file is None:
        of_file = settings_of_file(Path(config_file)) if config_file else FileSettings()
    own = merged(of_file.models, own_of_variable(environment.get(MODEL_VARIABLE, "")))
    own = merged(own, models or {})
    given = over(_with_sources(of_file.values, own), _from_environment(environment))
    asked = {name: checked_setting(name, value, spelled(name)) for name, value in options.items()}
    given = over(given, {name: Written(value, spelled(name)) for name, value in asked.items()})
    return Settings(
        **{name: found.value for name, found in given.items()},
        models=own,
        written={name: found.where for name, found in given.items()},
    )


def _with_sources(values: Mapping[str, Written], own: Own) -> dict[str, Written]:
    """The settings of a file, whose sources are those of its models' tables, too."""
    tables = {model: found[SOURCE] for model, found in own.items() if SOURCE in found}
    if not tables:
        return dict(values)
    listed = values.get("sources", Written([], next(iter(tables.values())).where))
    named = [f"{model}={found.value}" for model, found in tables.items()]
    return {**values, "sources": Written([*listed.value, *named], listed.where)}


def mistyped_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """`MODELPORT_*` variables that mean nothing but look like a setting, each with that setting's variable.

    Only look-alikes: a container platform sets variables of this prefix for a service called modelport.
    """
    known = [PREFIX + name.upper() for name in setting_types()]
    known += [
        CONFIG,
        KEY,
        CA_FILE,
        CLIENT_CERT,
        CLIENT_KEY,
        MODEL_VARIABLE,
        WORKER_MARK,
    ]  # a server may be started by a model of another
    unknown = [name for name in environment if name.startswith(PREFIX) and name not in known]
    near = {name: difflib.get_close_matches(name, known, 1, 0.9) for name in unknown}
    return {name: found[0] for name, found in near.items() if found}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Written]:
    values: dict[str, Written] = {}
    if environment.get("DEEPAAS_V2_MODEL"):
        values["model_name"] = Written(environment["DEEPAAS_V2_MODEL"], "DEEPAAS_V2_MODEL")
    for name in setting_types():
        variable = PREFIX + name.upper()
        text = environment.get(variable)
        if text is not None:
            values[name] = Written(checked_setting(name, text, variable), variable)
    return values
