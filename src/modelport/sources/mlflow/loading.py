"""Loading a model of MLflow, in the worker: by our own loader where there is one, else as `python_function`.

The file of a flavor is recognised by its content and loaded as it would be if it were named itself. So one
that is safe needs no trust, whatever `MLmodel` says of it.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import msgspec

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.guards.pickles import Scan
from modelport.sources.files.formats.format import CODE, Format, Found
from modelport.sources.files.formats.known import FORMATS
from modelport.sources.files.formats.skops import SAVE_SKOPS
from modelport.sources.files.loading import load_file
from modelport.sources.files.single_files import found_in_file
from modelport.sources.files.trust import check_trust
from modelport.sources.frameworks.border import first_line
from modelport.sources.import_path import import_from
from modelport.sources.mlflow.fetching import Fetched, fetched
from modelport.sources.mlflow.mlmodel import MLmodel, read_mlmodel
from modelport.sources.mlflow.signature import columns_of, dtype_of, outputs_of
from modelport.sources.mlflow.uris import SCHEME, parse_uri

PYFUNC = "python_function"
# The entry of each flavor that names its file, and what that is called inside a folder.
FILES = {
    "sklearn": ("pickled_model",),
    "xgboost": ("data",),
    "lightgbm": ("data",),
    "catboost": ("data",),
    "onnx": ("data",),
    "keras": ("data", "model.keras"),
    "pytorch": ("model_data", "model.pt2", "model.pth"),
}
OF_ROWS = ("sklearn", "lightgbm", "catboost")  # take numbers of the type that they were fitted on
PYTHON = Format(
    "mlflow", "Python model of MLflow", (), module="mlflow", extra="mlflow", danger=CODE,
    instead="log it by a flavor with a file that cannot, such as mlflow.sklearn with skops, or mlflow.onnx",
)  # fmt: skip


def load_mlflow(target: str, options: ModelOptions, problems: list[str]) -> tuple[Any, ModelOptions]:
    """The object of a model, and the options with what MLflow recorded of it; the operator's come first.

    Raises `ModelLoadError` of one line: what is wrong, and what to do.
    """
    shown = f"{SCHEME}{target}"
    found = fetched(parse_uri(target))
    described = read_mlmodel(found.folder, shown)
    flavor = _flavor(described, shown)
    options = _with_metadata(options, described, found, flavor)
    if flavor == PYFUNC:
        return _pyfunc(found.folder, described.flavors[PYFUNC], shown, options.trust), options
    config = described.flavors[flavor]
    path = _file(found.folder, config, FILES[flavor], shown)
    if options.trust:
        _find_code(found.folder, config, shown)
    try:
        model = load_file(str(path), options, problems)
    except ModelLoadError as error:
        raise ModelLoadError(_renamed(str(error), found.folder, shown)) from error
    problems[:] = [_renamed(problem, found.folder, shown) for problem in problems]
    return model, _as_signed(options, described, flavor)


def _renamed(message: str, folder: Path, shown: str) -> str:
    """A message with the model's name in place of the folder that it lies in here."""
    instead = FORMATS["joblib"].instead
    said = message.replace(str(folder), shown)
    return said.replace(instead, f"{SAVE_SKOPS} (mlflow.sklearn.log_model: serialization_format='skops')")


def _flavor(described: MLmodel, shown: str) -> str:
    """The flavor whose file is loaded here; `python_function` where that is code of its own."""
    python = described.flavors.get(PYFUNC)
    for flavor in FILES:
        if flavor in described.flavors and (
            python is None or python.get("loader_module") in (f"mlflow.{flavor}", None)
        ):
            return flavor
    if python is None:
        known = ", ".join(sorted(described.flavors)) or "none"
        raise ModelLoadError(
            f"{shown}: it has no flavor that can be served (it has: {known}); log it as pyfunc"
        )
    return PYFUNC


def _file(folder: Path, config: dict[str, Any], names: tuple[str, ...], shown: str) -> Path:
    """The file that a flavor names. Raises `ModelLoadError` if it is not inside the model's folder."""
    path = _inside(folder, config.get(names[0]), shown)
    if path.is_dir() and names[1:]:
        path = next((path / name for name in names[1:] if (path / name).exists()), path)
        _inside(folder, str(path), shown)
    return path


def _inside(folder: Path, name: Any, shown: str) -> Path:
    if not isinstance(name, str) or not name:
        raise ModelLoadError(f"{shown}: its MLmodel does not name the model's file; log the model again")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelLoadError(f"{shown}: its MLmodel names a file outside of the model ({name}); log it again")
    return path


def _find_code(folder: Path, config: dict[str, Any], shown: str) -> None:
    """Modules that were logged with the model are found, as MLflow itself does it."""
    if config.get("code"):
        import_from(str(_inside(folder, config["code"], shown)))


def _pyfunc(folder: Path, config: dict[str, Any], shown: str, trust: bool) -> Any:
    """A model that only MLflow can load. Raises `ModelLoadError` without trust."""
    check_trust(Found(Path(shown), PYTHON, CODE, _scan(folder, config)), trust=trust)
    pyfunc: Any = importlib.import_module("mlflow.pyfunc")
    try:
        return pyfunc.load_model(str(folder))
    except ModelLoadError:
        raise
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"{shown}: it needs the module {error.name!r}, which is not installed; install what its "
            "requirements.txt lists"
        ) from error
    except (Exception, SystemExit) as error:  # the model's own code
        raise ModelLoadError(
            f"{shown}: loading it failed: {type(error).__name__}: {first_line(error)}; is it loaded with the "
            "versions that its requirements.txt lists?"
        ) from error


def _scan(folder: Path, config: dict[str, Any]) -> Scan:
    """What the pickle of a Python model imports, for the refusal; nothing where that cannot be told."""
    for key in ("python_model", "data", "model_path"):
        name: Any = config.get(key)
        path = folder / name if isinstance(name, str) and name else folder
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            try:
                return found_in_file(path).scan
            except ModelLoadError:
                continue  # it is no pickle; that it may run code is said all the same
    return Scan()


# -- what MLflow has recorded, as options ------------------------------------------------------------


def _as_signed(options: ModelOptions, described: MLmodel, flavor: str) -> ModelOptions:
    changes: dict[str, Any] = {}
    if not options.columns:
        changes["columns"] = columns_of(described.inputs)
    if not options.dtype and flavor in OF_ROWS:
        changes["dtype"] = dtype_of(described.inputs)
    method: Any = described.flavors.get(PYFUNC, {}).get("predict_fn")
    if not options.predict_method and isinstance(method, str) and method != "predict":
        changes["predict_method"] = method
    return msgspec.structs.replace(options, **changes)


def _with_metadata(options: ModelOptions, described: MLmodel, found: Fetched, flavor: str) -> ModelOptions:
    about: dict[str, Any] = {key: value for key, value in found.about.items() if value}
    about |= {"flavor": flavor, "mlflow_version": described.mlflow_version, "created": described.created}
    known: dict[str, Any] = {"mlflow": {key: value for key, value in about.items() if value}}
    outputs = outputs_of(described.outputs)
    if outputs and flavor != PYFUNC:
        known["outputs"] = outputs
    return msgspec.structs.replace(options, metadata=known | options.metadata)
