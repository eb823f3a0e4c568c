"""Sources that are saved models: which texts are their paths, and whether they may be loaded.

What knows the formats is imported where there is a file to look at: most servers have none.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from modelport.contract.model_options import ModelOptions
from modelport.home import expanded

# Names that end so are files, even where there is none: nobody calls a module like that.
FILE_SUFFIXES = frozenset({
    ".cbm", ".ckpt", ".gguf", ".h5", ".hdf5", ".joblib", ".keras", ".onnx", ".pickle", ".pkl", ".pt", ".pt2",
    ".pth", ".safetensors", ".skops", ".ubj",
})  # fmt: skip


def is_model_path(text: str) -> bool:
    """True if a source is the path of a saved model, not the name of a module or a Python file."""
    path = expanded(text)
    try:
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            return True
        if path.is_dir():
            return "/" in text or _is_model_folder(path)
    except (OSError, ValueError):  # too long a name, or one that no file can have
        return "/" in text
    return "/" in text or (path.suffix.lower() in FILE_SUFFIXES and not _is_package(text.partition(".")[0]))


def _is_model_folder(path: Path) -> bool:
    from modelport.sources.files.folders import is_model_folder

    return is_model_folder(path) and not (path / "__init__.py").exists()


def _is_package(name: str) -> bool:
    return Path(name).is_dir() or (name.isidentifier() and importlib.util.find_spec(name) is not None)


def model_target(target: str, options: ModelOptions) -> str:
    """The path of a saved model: of a folder that is none, but holds the one file of a model, that file.

    A folder whose `format` is said is meant itself. Raises `ModelLoadError` for one that cannot be read.
    """
    path = expanded(target)
    try:
        if options.format or not path.is_dir():
            return target
    except OSError:  # it lies where this user may not look, or has too long a name, as is said below
        return target
    from modelport.sources.files.folders import only_file

    found = only_file(path)
    return target if found is None else str(Path(target) / found.name)


def checked_options(target: str, options: ModelOptions) -> ModelOptions:
    """The options with the format of this file, which may be loaded here.

    Raises `ModelLoadError` for a file that cannot be a model, needs trust, or needs what is not installed.
    """
    from modelport.sources.files.formats.format import check_installed
    from modelport.sources.files.recognise import recognised
    from modelport.sources.files.trust import check_trust

    found = recognised(expanded(target), options.format)
    check_trust(found, trust=options.trust)
    check_installed(found.format, target)
    return msgspec.structs.replace(options, format=found.format.name)
