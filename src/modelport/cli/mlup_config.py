"""An mlup configuration file, as what `modelport serve` needs: settings, options of the model, its file."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, NamedTuple, cast

from modelport.cli.mlup_keys import (
    BINARIZERS,
    BLOCKS,
    COLUMN_TYPES,
    DISK,
    FIRST_OUTPUT,
    ROW_FORMS,
    STORAGES,
    UVICORN,
    WEB,
    full_name,
    meaning,
)
from modelport.cli.mlup_reading import read_mlup_file
from modelport.contract.model_options import Column, ModelOptions
from modelport.dialects.mlup.configuration import MlupConfiguration, architecture
from modelport.home import expanded
from modelport.settings.checking import SettingsError, checked_setting
from modelport.settings.groups.mlup import Mode

VERSION = "1"
TOP = ("version", "trust", *BLOCKS)


class MlupFile(NamedTuple):
    """What a file says. `source` is the file of the model, empty if that has to be named by hand.

    `shown` is what `/info` tells of it; `unused` are the keys that mean nothing here.
    """

    path: Path
    settings: dict[str, Any]
    options: ModelOptions
    source: str
    shown: MlupConfiguration
    unused: list[str]


def mlup_file(path: Path) -> MlupFile:
    """Read a file. Raises `SettingsError` naming the key, what is wrong with it and what it takes."""
    return mlup_configuration(path, read_mlup_file(path))


def mlup_configuration(path: Path, held: dict[str, Any]) -> MlupFile:
    """What `held` says, which was read from `path`. Raises `SettingsError` as `mlup_file` does."""
    _check_top(path, held)
    blocks = {name: _block(path, held, name) for name in BLOCKS}
    ml, web = blocks["ml"], blocks["web"]
    unused = [
        f"{block}.{key}"
        for block, keys in BLOCKS.items()
        for key in blocks[block]
        if keys[key].means_nothing and blocks[block][key] != _default(block)[key]
    ]
    settings = {
        WEB[key].setting: checked_setting(WEB[key].setting, value, f"{path}: web.{key}")
        for key, value in web.items()
        if WEB[key].setting
    }
    defaults = {WEB[key].setting: value for key, value in _default("web").items() if WEB[key].setting}
    settings = defaults | {"mode": Mode.DIRECTLY_TO_PREDICT.value} | settings
    settings |= _uvicorn(path, web.get("uvicorn_kwargs") or {}, unused)
    if "trust" in held:
        settings["trust"] = checked_setting("trust", held["trust"], f"{path}: trust")
    source = _source(path, ml, unused)
    return MlupFile(path, settings, _options(path, ml, web), source, _shown(ml, web, settings), unused)


def _check_top(path: Path, held: dict[str, Any]) -> None:
    for key in held:
        if key not in TOP:
            place = next((name for name, keys in BLOCKS.items() if key in keys), "")
            hint = f"it belongs into the block {place}" if place else f"there are {', '.join(TOP)}"
            raise SettingsError(f"{path}: there is no key {str(key)!r} at the top; {hint}")
    if str(held.get("version", VERSION)) != VERSION:
        raise SettingsError(f"{path}: version: {held['version']!r} is not known; it is '{VERSION}'")


def _block(path: Path, held: dict[str, Any], name: str) -> dict[str, Any]:
    """The block, each of its values being what its key takes."""
    block: Any = held.get(name) or {}
    if not isinstance(block, dict):
        raise SettingsError(f"{path}: {name}: it must be a mapping of keys to values")
    keys = BLOCKS[name]
    for key, value in cast("dict[Any, Any]", block).items():
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
            raise SettingsError(f"{path}: {name}: there is no key {str(key)!r}; {hint}")
        if not keys[key].fits(value):
            raise SettingsError(f"{path}: {name}.{key}: {value!r} is not {keys[key].wanted}")
    return cast("dict[str, Any]", block)


def _default(block: str) -> dict[str, Any]:
    shown = MlupConfiguration()
    return shown.ml if block == "ml" else shown.web


def _uvicorn(path: Path, given: dict[str, Any], unused: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in given.items():
        name = UVICORN.get(key, "")
        if name:
            settings[name] = checked_setting(name, value, f"{path}: web.uvicorn_kwargs.{key}")
        else:
            unused.append(f"web.uvicorn_kwargs.{key}")
    return settings


def _source(path: Path, ml: dict[str, Any], unused: list[str]) -> str:
    """The file of the model, if the configuration says where it is."""
    storage: dict[str, Any] = ml.get("storage_kwargs") or {}
    unused += [f"ml.storage_kwargs.{key}" for key in storage if key not in ("path_to_files", "files_mask")]
    if full_name(STORAGES, ml.get("storage_type", "memory")) != DISK:
        return ""
    given = storage.get("path_to_files")
    if not isinstance(given, str) or not given:
        raise SettingsError(f"{path}: ml.storage_kwargs.path_to_files: it must say where the model's file is")
    place = expanded(given)
    if not place.exists() and not place.is_absolute():
        place = path.parent / place  # the folder of the configuration, if not the current one
    mask = _mask(path, storage.get("files_mask"))
    if mask is None or not place.is_dir():
        return _as_path(place)
    found = sorted(file for file in place.iterdir() if mask.search(file.name))
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:5]) or "no file"
        raise SettingsError(
            f"{path}: ml.storage_kwargs.files_mask: {mask.pattern!r} must fit one file in {place}; "
            f"it fits {names}"
        )
    return _as_path(found[0])


def _mask(path: Path, given: Any) -> re.Pattern[str] | None:
    if given is None:
        return None
    try:
        return re.compile(given)
    except (re.error, TypeError) as error:
        raise SettingsError(f"{path}: ml.storage_kwargs.files_mask: no regular expression: {error}") from None


def _as_path(place: Path) -> str:
    """The path as a source, which it is by its slash."""
    return str(place) if "/" in str(place) else f"./{place}"


def _options(path: Path, ml: dict[str, Any], web: dict[str, Any]) -> ModelOptions:
    columns = [_column(path, number, given) for number, given in enumerate(ml.get("columns") or [])]
    validate = bool(web.get("column_validation"))
    if validate and not columns:
        raise SettingsError(f"{path}: web.column_validation: it needs ml.columns")
    binarizer = ml.get("binarization_type", "auto")
    is_auto = ml.get("auto_detect_predict_params", True)
    rows_as: Any = meaning(ROW_FORMS, ml.get("data_transformer_for_predict", "NUMPY_ARR"))
    return ModelOptions(
        format="" if binarizer == "auto" else meaning(BINARIZERS, binarizer),
        first_output=full_name(BINARIZERS, binarizer) == FIRST_OUTPUT,
        predict_method=ml.get("predict_method_name", "")
        if ml.get("predict_method_name") != "predict"
        else "",
        rows_argument="" if is_auto else "data_for_predict",
        columns=columns,
        validate_columns=validate,
        rows_as=rows_as,
        dtype=ml.get("dtype_for_predict") or "",
        metadata={key: ml[key] for key in ("name", "version") if key in ml},
    )


def _column(path: Path, number: int, given: Any) -> Column:
    where = f"{path}: ml.columns[{number}]"
    if not isinstance(given, dict):
        raise SettingsError(f"{where}: a column is a mapping with name and type")
    column = cast("dict[str, Any]", given)
    known = ("name", "type", "required", "default", "collection_type")
    for key in column:
        if key not in known:
            raise SettingsError(f"{where}: there is no key {str(key)!r}; there are {', '.join(known)}")
    if not isinstance(column.get("name"), str):
        raise SettingsError(f"{where}.name: a column must have a name")
    kind: Any = column.get("type", "str")
    if kind not in COLUMN_TYPES:
        raise SettingsError(f"{where}.type: {kind!r} is not one of {', '.join(COLUMN_TYPES)}")
    if column.get("collection_type") not in (None, "List", "list"):
        raise SettingsError(f"{where}.collection_type: {column['collection_type']!r} is not List")
    required = column.get("required", True)
    if not isinstance(required, bool):
        raise SettingsError(f"{where}.required: {required!r} is not true or false")
    if column.get("collection_type") is not None:
        kind = "list"
    required = required and "default" not in column
    return Column(name=column["name"], type=kind, required=required, default=column.get("default"))


def _shown(ml: dict[str, Any], web: dict[str, Any], settings: dict[str, Any]) -> MlupConfiguration:
    shown = MlupConfiguration()
    shown.ml |= {key: value for key, value in ml.items() if key in shown.ml}
    for key, table in (
        ("storage_type", STORAGES),
        ("binarization_type", BINARIZERS),
        ("data_transformer_for_predict", ROW_FORMS),
        ("data_transformer_for_predicted", ROW_FORMS),
    ):
        shown.ml[key] = full_name(table, shown.ml[key])
    shown.web |= {key: value for key, value in web.items() if key in shown.web}
    shown.web["mode"] = architecture(settings["mode"])
    return shown
