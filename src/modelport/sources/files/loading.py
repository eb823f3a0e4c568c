"""Loading model files, in the worker. Code that a file may hold runs only where the operator trusts it."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.home import expanded
from modelport.sources.files.formats.format import Format, check_installed
from modelport.sources.files.formats.known import format_named
from modelport.sources.files.mlup_applications import model_of
from modelport.sources.files.recognise import recognised
from modelport.sources.files.trust import check_trust
from modelport.sources.frameworks import pickles

MAX_PROBLEMS = 5
MAX_WORDS = 300
PLAIN = (dict, list, tuple, set, str, bytes, int, float, type(None))
ADVICE = "; is the file whole, and is it loaded with the versions that it was saved with?"


def load_file(target: str, options: ModelOptions, problems: list[str]) -> Any:
    """The object that a model file or folder holds. What is worth a warning is added to `problems`.

    Raises `ModelLoadError` of one line: what is wrong, and what to do.
    """
    path = expanded(target).absolute()
    shown = Path(target)
    format = _format(shown, path, options)
    check_installed(format, str(shown))
    if format.suffixes and path.suffix.lower() not in format.suffixes:
        problems.append(f"{shown}: its name does not say so, but its content is {format.title}")
    # Frameworks are told the format, so that they need not find it out again.
    asked = msgspec.structs.replace(options, format=format.name)
    if options.trust:  # its own classes may be anywhere that a pickle's may
        pickles.find_modules_beside(path)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        loaded = _guarded(shown, format, lambda: model_of(_loader(format)(path, asked)))
    _keep(warned, problems)
    if isinstance(loaded, PLAIN) or type(loaded).__module__ == "numpy":
        raise ModelLoadError(f"{shown}: it holds {_words_for(loaded)}, not a model with predict()")
    return loaded


def load_pickled(path: Path, options: ModelOptions) -> Any:
    """The object that a pickle holds, whatever it is. Raises `ModelLoadError` of one line."""
    format = _format(path, path, options)
    asked = msgspec.structs.replace(options, format=format.name)
    return _guarded(path, format, lambda: pickles.load(expanded(path).absolute(), asked))


def _format(shown: Path, path: Path, options: ModelOptions) -> Format:
    """The format that was named or recognised at the start, of what lies there now.

    A path may lead elsewhere by now: a worker that starts again looks at the file again, too. With `trust`
    nothing would come of it. Raises `ModelLoadError`.
    """
    if options.format and options.trust:
        return format_named(options.format)
    found = replace(recognised(path, options.format), path=shown)
    check_trust(found, trust=options.trust)
    return found.format


Loader = Callable[[Path, ModelOptions], Any]


def _loader(format: Format) -> Loader:
    module: Any = importlib.import_module(f"modelport.sources.frameworks.{format.framework}")
    return module.load


def _guarded(shown: Path, format: Format, load: Callable[[], Any]) -> Any:
    """What `load` returns; whatever it raises becomes a `ModelLoadError` of one line."""
    try:
        return load()
    except ModelLoadError:
        raise
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"{shown}: it needs the module {error.name!r}, which is not installed or not beside the file; "
            f"install it, or put it into the folder of the model"
        ) from error
    except AttributeError as error:
        if "__main__" not in str(error):
            raise _failed(shown, format, error) from error
        raise ModelLoadError(
            f"{shown}: {_first_line(error)}; its class was written in a script or notebook: save it with "
            "cloudpickle.dump(), or put the class into a module"
        ) from error
    except (Exception, SystemExit) as error:  # a file that is damaged, or code of its own
        raise _failed(shown, format, error) from error


def _failed(shown: Path, format: Format, error: BaseException) -> ModelLoadError:
    said = f"{type(error).__name__}: {_first_line(error)}"
    return ModelLoadError(f"{shown}: loading it as {format.title} failed: {said}{ADVICE}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else "no reason given"
    return said if len(said) <= MAX_WORDS else said[: MAX_WORDS - 1] + "…"


# -- what was loaded ---------------------------------------------------------------------------------


def _keep(warned: list[warnings.WarningMessage], problems: list[str]) -> None:
    """Warnings of frameworks, such as another version: one line each, for the log and `modelport check`."""
    said = dict.fromkeys(" ".join(str(one.message).split())[:MAX_WORDS] for one in warned)
    problems.extend(list(said)[:MAX_PROBLEMS])


def _words_for(loaded: Any) -> str:
    if isinstance(loaded, dict):
        keys = ", ".join(str(key)[:40] for key in list(cast("dict[Any, Any]", loaded))[:MAX_PROBLEMS])
        return f"a dictionary ({keys})" if keys else "an empty dictionary"
    name = type(loaded).__name__
    return "nothing (None)" if loaded is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
