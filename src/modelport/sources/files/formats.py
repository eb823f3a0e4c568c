"""The formats of model files that can be served, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from modelport.contract.errors import ModelLoadError
from modelport.sources.near_names import did_you_mean

CODE = "can run any code when it is loaded"


@dataclass(frozen=True)
class Format:
    """One format. `danger` is set where loading always can run code, and `instead` is what to save then.

    `framework` is the module of `modelport.sources.frameworks` that loads it, `module` the package that
    has to be installed, by `extra` of modelport. `suffixes` are usual ends of names: they decide nothing.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    framework: str = ""
    module: str = ""
    extra: str = ""
    danger: str = ""
    instead: str = ""


SAVE_SKOPS = "save the model in a safe format: skops.io.dump(model, 'model.skops'), or ONNX"
SAVE_TORCH = "save a program instead: torch.export.save(torch.export.export(model, inputs), 'model.pt2')"
SAVE_KERAS = "export it to ONNX: model.export('model.onnx', format='onnx')"
SAVE_GRAPH = "convert it to ONNX: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"
# Programs, which their frameworks do not confine: there are operators that read and write any file.
PROGRAM = "is a program that can read and write files when it is loaded or predicts"

_ALL = (
    Format("skops", "scikit-learn (skops)", (".skops",), module="skops", extra="skops"),
    Format("joblib", "joblib pickle", (".joblib", ".pkl", ".pickle", ".gz", ".z", ".bz2", ".xz", ".lzma",
           ".lz4"), module="joblib", extra="sklearn", danger=CODE, instead=SAVE_SKOPS),
    Format("pickle", "pickle", (".pkl", ".pickle", ".p", ".joblib"), danger=CODE, instead=SAVE_SKOPS),
    Format("cloudpickle", "pickle (cloudpickle)", (".pkl", ".pickle", ".cloudpickle", ".joblib"),
           module="cloudpickle", danger=CODE, instead=SAVE_SKOPS),
    Format("onnx", "ONNX", (".onnx",), "onnxruntime", "onnxruntime", "onnx"),
    Format("xgboost", "XGBoost", (".json", ".ubj", ".model", ".bin", ".xgb", ".deprecated"), "xgboost",
           "xgboost", "xgboost"),
    Format("lightgbm", "LightGBM", (".txt", ".lgb", ".lgbm", ".model"), "lightgbm", "lightgbm", "lightgbm"),
    Format("catboost", "CatBoost", (".cbm", ".json", ".bin", ".model"), "catboost", "catboost", "catboost"),
    Format("torch-export", "PyTorch (torch.export)", (".pt2",), "torch", "torch", "torch"),
    Format("torchscript", "TorchScript file", (".pt", ".pth", ".ts", ".torchscript"), "torch", "torch",
           "torch", PROGRAM, SAVE_TORCH),
    Format("torch", "pickled PyTorch", (".pt", ".pth", ".bin", ".ckpt"), "torch", "torch", "torch",
           CODE, SAVE_TORCH),
    Format("keras", "Keras model", (".keras",), "keras", "keras", "keras",
           "can run code of its layers when it is loaded, whatever Keras's safe mode says", SAVE_KERAS),
    Format("keras-h5", "Keras model (HDF5)", (".h5", ".hdf5", ".keras"), "keras", "keras", "keras",
           "can run code of its layers when it is loaded, whatever Keras's safe mode says", SAVE_KERAS),
    Format("tensorflow", "TensorFlow SavedModel", (), "keras", "tensorflow", "tensorflow",
           PROGRAM, SAVE_GRAPH),
    Format("transformers", "Hugging Face model", (), "transformers", "transformers", "transformers"),
)  # fmt: skip
FORMATS = {known.name: known for known in _ALL}
PICKLES = ("pickle", "joblib", "cloudpickle")


def format_named(name: str) -> Format:
    """The format of this name. Raises `ModelLoadError` with the names there are."""
    found = FORMATS.get(name)
    if found is None:
        known = ", ".join(FORMATS)
        raise ModelLoadError(f"there is no format {name!r}{did_you_mean(name, FORMATS)} (there are: {known})")
    return found


def check_installed(format: Format, path: str) -> None:
    """Raise `ModelLoadError` with what to install if this format cannot be loaded here."""
    if format.module and find_spec(format.module) is None:
        wanted = f"'modelport[{format.extra}]'" if format.extra else format.module
        raise ModelLoadError(
            f"{path}: {format.title} needs {format.module}, which is not installed: pip install {wanted}"
        )
