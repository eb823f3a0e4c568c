"""A pickled application of mlup as a source: its configuration, read in a process that soon ends."""

from __future__ import annotations

import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import msgspec

from modelport.cli.mlup_config import MlupFile, mlup_configuration
from modelport.cli.mlup_reading import MAX_FILE_BYTES
from modelport.contract.errors import ModelLoadError
from modelport.engine.processes import ending, kill_group
from modelport.engine.starting import command, plain_options
from modelport.home import expanded
from modelport.settings.checking import SettingsError
from modelport.sources.files.mlup_applications import holds_application
from modelport.sources.files.recognise import recognised
from modelport.sources.source import read_source

SECONDS = 60.0  # for the imports of the application's framework, too
MAX_WORDS = 500
# What an application has loaded already: here its file is the model's.
LOADED: dict[str, Any] = {"storage_type": "memory", "storage_kwargs": {}, "binarization_type": "auto"}


def mlup_of_pickle(text: str, format: str) -> MlupFile | None:
    """The configuration of the application that a trusted source holds; `None` if it holds another model.

    Raises `SettingsError` if mlup is not installed, the file cannot be unpickled or its configuration
    is wrong.
    """
    try:
        source = read_source(text)
        if source.kind != "model":
            return None
        path = expanded(source.target)
        if not holds_application(recognised(path, format)):
            return None
    except ModelLoadError:
        return None  # said where every source is read
    package = find_spec("mlup")
    if package is None or package.origin is None:  # a mere folder of this name is none
        raise SettingsError(
            f"{path}: it is an application of mlup, which is not installed: pip install pymlup"
        )
    held = _configuration(path)
    ml: Any = held.get("ml")
    if not isinstance(ml, dict):
        raise SettingsError(f"{path}: its configuration has no block ml")
    of_model = cast("dict[str, Any]", ml)
    found = mlup_configuration(path, held | {"ml": of_model | LOADED})
    found.shown.ml.update({key: of_model[key] for key in found.shown.ml if key in of_model})
    return found._replace(source=text)


def _configuration(path: Path) -> dict[str, Any]:
    """What a process of its own says of the application. Raises `SettingsError`."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command("modelport.cli.mlup_unpickling", str(path)),
            stdout=said,
            stderr=errors,
            **plain_options({}),
        )
        try:
            status = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise SettingsError(f"{path}: unpickling it took longer than {SECONDS:g} s") from None
        finally:
            kill_group(process.pid)
            process.wait()
        if status != 0:
            raise SettingsError(_last_line(errors) or f"{path}: unpickling it ended with {ending(status)}")
        said.seek(0)
        text = said.read(MAX_FILE_BYTES + 1)
    try:
        held = msgspec.json.decode(text) if len(text) <= MAX_FILE_BYTES else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        held = None
    if not isinstance(held, dict):
        raise SettingsError(f"{path}: its configuration is no JSON object of at most {MAX_FILE_BYTES} bytes")
    return cast("dict[str, Any]", held)


def _last_line(errors: Any) -> str:
    size = errors.seek(0, 2)
    errors.seek(max(0, size - 8 * MAX_WORDS))
    lines = errors.read().decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:MAX_WORDS] if said else ""
