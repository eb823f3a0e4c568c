"""Models out of Python modules and files."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from modelport.contract.errors import ModelLoadError
from modelport.contract.model import Model
from modelport.contract.nearest import MAX_NAMES
from modelport.contract.own_settings import tell_host
from modelport.home import expanded
from modelport.sources.deepaas_modules import provide_deepaas_modules
from modelport.sources.frameworks.registry import frameworks_of
from modelport.sources.import_path import hidden_by_python, import_from, import_from_last, working_folder
from modelport.sources.near_names import did_you_mean
from modelport.sources.objects import unpickled
from modelport.sources.presence import no_module, python_file
from modelport.sources.source import Source

FIRST_FUNCTIONS = ("predict_data", "predict_url", "get_test_args")  # of DEEPaaS V1
# A module or object with none of these is no model, only a mistake.
FUNCTIONS = (
    "predict",
    "predict_batch",
    "train",
    "validate",
    "get_metadata",
    "get_predict_args",
    "get_train_args",
    *FIRST_FUNCTIONS,
)
# Models that live in the server are loaded in threads. Two of these that import modules which import each
# other would get halves of them: so Python itself avoids a deadlock.
_one_at_a_time = threading.RLock()


def load_object(source: Source) -> Any:
    """The module or object that a source names; a class is made into an object.

    Raises `ModelLoadError` with the reason; errors of the model's own code are its `__cause__`.
    """
    provide_deepaas_modules()
    found: Any = _found(source)
    for name in filter(None, source.attribute.split(".")):
        found = _attribute(found, name, source)
    if inspect.ismodule(found):
        found = _only_model(found)
    _tell_host(found, source)
    if inspect.isclass(found):
        found = _object(found, source)
    if not _is_model(found):
        raise ModelLoadError(
            f"{source}: it has no predict(), train(), validate() or get_metadata(){_instead(found, source)}"
        )
    return found


def _found(source: Source) -> Any:
    if source.kind == "object":
        return unpickled(source)
    return _file(source) if source.kind == "file" else _module(source)


def _is_model(found: Any) -> bool:
    """Whether there is anything to serve: functions of a model, something to call, a framework's object."""
    if isinstance(found, Model) or any(callable(getattr(found, name, None)) for name in FUNCTIONS):
        return True
    if isinstance(found, Model) and callable(getattr(found, "stream", None)):
        return True  # elsewhere the name stands for other things
    return not inspect.ismodule(found) and (callable(found) or bool(frameworks_of(found)))


def _instead(found: Any, source: Source) -> str:
    """What a module that is no model has that is one, as it is written as a source; or nothing."""
    if not inspect.ismodule(found):
        return ""
    own = [name for name, value in vars(found).items() if not name.startswith("_") and _offers(value, found)]
    written = [f"{source.target}:{name}" for name in own[:MAX_NAMES]]
    return f"; name what it has that can be served: {' or '.join(written)}" if written else ""


def _offers(value: Any, module: ModuleType) -> bool:
    """Whether a thing in a module may be meant as the model: an object, or a class or function made there."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__module__ == module.__name__ and _is_model(value)
    return any(callable(getattr(value, name, None)) for name in FUNCTIONS) or bool(frameworks_of(value))


def _module(source: Source) -> ModuleType:
    import_from(*working_folder())
    try:
        with _one_at_a_time:
            return importlib.import_module(source.target)
    except ModuleNotFoundError as error:
        if error.name is not None and (source.target + ".").startswith(error.name + "."):
            raise no_module(source, error.name) from error
        raise _failed(source, error) from error
    except (Exception, SystemExit) as error:  # the model's own code runs here
        raise _failed(source, error) from error


def _file(source: Source) -> ModuleType:
    path = python_file(source)
    import_from(str(path.parent))
    import_from_last(*working_folder())
    with _one_at_a_time:
        name = _free_name(path.stem)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ModelLoadError(f"{source}: Python cannot import this file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # the model's own code runs here
            sys.modules.pop(name, None)
            raise _failed(source, error) from error
    return module


def _free_name(stem: str) -> str:
    """A module name that no imported or installed module has: a model file `random.py` must hide none."""
    name = stem
    number = 0
    while not name.isidentifier() or name in sys.modules or name in sys.stdlib_module_names:
        number += 1
        name = f"modelport_source_{number}"
    return name


def _failed(source: Source, error: BaseException) -> ModelLoadError:
    folders = [Path(folder) for folder in working_folder()]
    if source.kind == "file":
        folders.insert(0, expanded(source.target).absolute().parent)
    hint = hidden_by_python(error, folders)
    return ModelLoadError(f"{source}: importing it failed: {type(error).__name__}: {error}{hint}")


def _attribute(found: Any, name: str, source: Source) -> Any:
    try:
        return getattr(found, name)
    except AttributeError:
        names: list[str] = list(vars(cast("object", found))) if hasattr(found, "__dict__") else []
        public = [name for name in names if not name.startswith("_")]
        hint = did_you_mean(name, public) or (f" (it has: {', '.join(public[:10])})" if public else "")
        raise ModelLoadError(f"{source}: there is no {name!r} in {source.target}{hint}") from None


def _object(cls: type[Any], source: Source) -> Any:
    try:
        return cls()
    except Exception as error:  # the model's own constructor
        raise ModelLoadError(
            f"{source}: making an object of {cls.__name__} failed: {type(error).__name__}: {error}"
        ) from error


def _tell_host(found: Any, source: Source) -> None:
    try:
        tell_host(found)
    except ModelLoadError as error:
        raise ModelLoadError(f"{source}: {error}") from None


def _only_model(module: ModuleType) -> Any:
    """A module that is no model itself means its one class of the typed contract, or its object `model`."""
    if any(callable(getattr(module, name, None)) for name in FUNCTIONS):
        return module
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Model) and value.__module__ == module.__name__
    ]
    if len(own) == 1:
        return own[0]
    if len(own) > 1:
        names = ", ".join(cls.__name__ for cls in own)
        raise ModelLoadError(f"{module.__name__} has several models ({names}); write SOURCE:CLASS")
    found = vars(module).get("model")  # what scripts that train one call it
    return (
        found if found is not None and not inspect.ismodule(found) and not inspect.isclass(found) else module
    )
