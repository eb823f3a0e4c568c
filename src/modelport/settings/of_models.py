"""What one model has otherwise: a table `[models.NAME]` of a file, `--model NAME:KEY=VALUE`, a dictionary.

What a model has for itself comes before what is said of all models, wherever both are written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from modelport.settings.checking import SettingsError, checked_setting, declarations
from modelport.settings.declaring import Written, over
from modelport.settings.settings import SOURCE, Settings
from modelport.settings.values import MODEL_NAME
from modelport.variables import MODEL_VARIABLE

Own = Mapping[str, Mapping[str, Written]]  # what models have for themselves, by their names
OPTION = "--model"
TABLE = ": models"  # between the file and the model, where a setting is written
NAMED = re.compile(f"{MODEL_NAME.pattern}=")
FORM = "write NAME:SETTING=VALUE, such as iris:workers=4"


def names_of_own() -> list[str]:
    """The settings that one model may have otherwise."""
    return [name for name, known in declarations().items() if known.of_model]


def own_of_tables(tables: Any, file: str) -> Own:
    """What the tables `[models.NAME]` of a file say; the `source` of one makes it a model that is served.

    Raises `SettingsError` naming the table and the key.
    """
    where = f"{file}{TABLE}"
    own: dict[str, dict[str, Written]] = {}
    for model, table in _mapping(tables, where, "a table for each model, [models.NAME]").items():
        place = f"{where}.{model}"
        if not MODEL_NAME.fullmatch(model):
            raise SettingsError(
                f"{place}: {model!r} cannot be a model's name (letters, digits, '.', '_', '-')"
            )
        found = _mapping(table, place, f"a table of settings, [models.{model}]")
        own[model] = {}
        for key, value in found.items():
            name = key.replace("-", "_")
            at = f"{place}.{key}"
            checked = _source(value, at) if name == SOURCE else _checked(name, value, at, [SOURCE])
            own[model][name] = Written(checked, at)
    return own


def own_of_mapping(given: Any, spelled: str) -> Own:
    """What a dictionary of dictionaries says, an argument that is `spelled` so. Raises `SettingsError`."""
    own: dict[str, dict[str, Written]] = {}
    for model, table in _mapping(given, spelled, "a dictionary of models' names").items():
        place = f"{spelled}[{model!r}]"
        found = _mapping(table, place, "a dictionary of settings")
        own[model] = {
            name: Written(_checked(name, value, f"{place}[{name!r}]"), f"{place}[{name!r}]")
            for name, value in found.items()
        }
    return own


def own_of_options(texts: Iterable[str], spelled: str = OPTION) -> Own:
    """What options `--model NAME:KEY=VALUE` say; the last one of a key counts. Raises `SettingsError`."""
    own: dict[str, dict[str, Written]] = {}
    for text in texts:
        model, colon, rest = text.partition(":")
        key, equals, value = rest.partition("=")
        if not (colon and equals and model and key):
            raise SettingsError(f"{spelled} {text}: this is no setting of one model; {FORM}")
        where = f"{spelled} {model}:{key}"
        name = key.strip().replace("-", "_")
        if name == SOURCE:
            raise SettingsError(f"{where}: name the source itself: modelport serve {model}={value}")
        own[model] = over(own.get(model, {}), {name: Written(_checked(name, value, where), where)})
    return own


def own_of_variable(text: str) -> Own:
    """What the variable says: what the option takes, several with semicolons. Raises `SettingsError`."""
    return own_of_options((part.strip() for part in text.split(";") if part.strip()), MODEL_VARIABLE)


def merged(first: Own, later: Own) -> Own:
    """What models have for themselves by two places, of which the later one comes first."""
    return {model: over(first.get(model, {}), later.get(model, {})) for model in {**first, **later}}


def check_models(settings: Settings, served: Collection[str]) -> None:
    """Raise `SettingsError` for settings of a model that nobody serves, with the name that may be meant."""
    for model, own in settings.models.items():
        if model in served or SOURCE in own:
            continue
        where = next((found.where for found in own.values()), f"the table models.{model}")
        near = difflib.get_close_matches(model, list(served), 1)
        known = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(served) or 'none'}"
        known += "" if near or TABLE not in where else "; a source in its table would serve it"
        raise SettingsError(f"{where}: no model is called {model!r}; {known}")


def _mapping(value: Any, where: str, wanted: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: write {wanted}")
    return {str(key): one for key, one in cast("Mapping[Any, Any]", value).items()}


def _source(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(
            f"{where}: {value!r} is no source; write the path of the model, or package.module"
        )
    named = NAMED.match(value)
    if named is not None:
        raise SettingsError(
            f"{where}: the table names the model; write the source alone, {value[named.end() :]}"
        )
    return value


def _checked(name: str, value: Any, where: str, also: Collection[str] = ()) -> Any:
    known = [*names_of_own(), *also]
    if name not in known:
        raise SettingsError(f"{where}: {_unknown(name, known)}")
    return checked_setting(name, value, where)


def _unknown(name: str, known: Collection[str]) -> str:
    if name in declarations():
        return f"{name!r} is a setting of the server, which no model has for itself: write it for all"
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return f"there is no setting {name!r} of one model; {hint}"
