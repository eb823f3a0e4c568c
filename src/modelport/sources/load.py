"""From a source to a model that can be served."""

from __future__ import annotations

import contextlib
import inspect
import traceback
import warnings
from collections.abc import Generator
from typing import Any, cast

import msgspec

from modelport.contract.batch_calls import check_stream, check_threads, with_batches
from modelport.contract.errors import ModelLoadError
from modelport.contract.model import Model
from modelport.contract.model_options import ModelOptions
from modelport.contract.own_settings import own_settings
from modelport.contract.served import ServedModel
from modelport.contract.signature import Signature, TextVerbName
from modelport.contract.trained_elsewhere import TrainedElsewhere
from modelport.sources.deepaas_modules import let_errors_be_reasons, provide_deepaas_modules
from modelport.sources.frameworks.registry import FRAMEWORKS, adapter_of
from modelport.sources.python import FIRST_FUNCTIONS, load_object
from modelport.sources.source import Source
from modelport.sources.versions import Version, load_version

DEEPAAS_FUNCTIONS = (
    "get_predict_args", "get_train_args", "get_validate_args", "predict_batch", *FIRST_FUNCTIONS,
)  # fmt: skip


class _OfMarshmallow(type):
    """Has what marshmallow warns of as subclasses. Only models that use it pay for its import."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass.__module__ == "marshmallow.warnings"


class MarshmallowWarning(Warning, metaclass=_OfMarshmallow):
    """Any warning of marshmallow."""


def load_model(source: Source) -> ServedModel:
    """Load the model and read its contract. Raises `ModelLoadError` with the reason."""
    with _without_marshmallow_warnings():
        problems: list[str] = []
        model, options, code = _version(source, problems)
        let_errors_be_reasons()
        try:
            served = served_model(model, source.name, options)
            if code is not None:
                served = TrainedElsewhere(served, served_model(code, source.name))
            served.signature.problems.extend(problems)
            return served
        except ModelLoadError as error:
            raise ModelLoadError(f"{source}: {error}") from error
        except Exception as error:  # the model's own functions run while its contract is read
            raise ModelLoadError(
                f"{source}: reading its contract failed{_line_of(error)}: {type(error).__name__}: {error}"
            ) from error


@contextlib.contextmanager
def _without_marshmallow_warnings() -> Generator[None]:
    """The old idioms (missing=, description=) work; the person who serves a model cannot change them.

    The filters that the model's code and its libraries set meanwhile are theirs, and stay.
    """
    warnings.filterwarnings("ignore", category=MarshmallowWarning)
    ours = warnings.filters[0]
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the model has reset them all
            cast("list[Any]", warnings.filters).remove(ours)


def _line_of(error: Exception) -> str:
    """Which line of the model's `get_…_args` has failed: it names the argument."""
    asked = [step for step in traceback.extract_tb(error.__traceback__) if step.name in DEEPAAS_FUNCTIONS]
    return f" in line {asked[-1].lineno} of {asked[-1].name}(), `{asked[-1].line}`" if asked else ""


def _version(source: Source, problems: list[str]) -> Version:
    return load_version(source, problems) if source.saved else Version(*_object(source, problems))


def _object(source: Source, problems: list[str]) -> tuple[Any, ModelOptions]:
    """The object of a source, and the options with what is recorded of it."""
    if not source.is_saved:
        return load_object(source), source.options
    provide_deepaas_modules()  # a pickled model may have been written for DEEPaaS
    if source.kind == "mlflow":
        from modelport.sources.mlflow.loading import load_mlflow

        return load_mlflow(source.target, source.options, problems)
    from modelport.sources.files.loading import load_file

    return load_file(source.target, source.options, problems), source.options


def served_model(model: Any, name: str, options: ModelOptions | None = None) -> ServedModel:
    """A model object behind the contract it was written for; what the operator says of it comes first."""
    options = options or ModelOptions()
    asked = own_settings(model)
    served = _served(model, name, options)
    served.signature = msgspec.structs.replace(_as_asked(served.signature, options, model), settings=asked)
    return served


def _served(model: Any, name: str, options: ModelOptions) -> ServedModel:
    if is_typed(model, options):
        from modelport.contract.typed import TypedModel

        return TypedModel(model, name)
    if not is_deepaas(model):
        adapter = adapter_of(model, options)
        if adapter is not None:
            from modelport.contract.arrays.array_model import ArrayModel
            from modelport.contract.with_text_verbs import WithTextVerbs

            of_text: dict[TextVerbName, Any] = getattr(adapter, "of_text", {})
            served = ArrayModel(adapter, name, options)
            return WithTextVerbs(served, of_text) if of_text else served
        if options.predict_method or takes_named(model):
            from modelport.contract.objects import ObjectModel

            return ObjectModel(model, name, options)
    from modelport.contract.deepaas import DeepaasModel

    return DeepaasModel(model, name)


def _as_asked(signature: Signature, options: ModelOptions, model: Any) -> Signature:
    predict = signature.predict
    if (options.max_batch_size or 1) > 1 and signature.contract in ("typed", "deepaas"):
        predict = with_batches(predict, model, signature.problems)
    if predict.max_batch_size > 1:
        if options.max_batch_size is not None:
            predict = msgspec.structs.replace(predict, max_batch_size=max(1, options.max_batch_size))
        if options.max_wait_ms is not None:
            predict = msgspec.structs.replace(predict, max_wait_ms=options.max_wait_ms)
    elif options.max_concurrency is not None:
        predict = msgspec.structs.replace(predict, max_concurrency=max(1, options.max_concurrency))
    check_threads(predict)
    stream = signature.stream
    if stream.is_async and options.max_concurrency is not None:
        stream = msgspec.structs.replace(stream, max_concurrency=predict.max_concurrency)
    check_stream(predict, stream)
    said = signature.metadata | options.metadata
    return msgspec.structs.replace(signature, predict=predict, stream=stream, metadata=said)


def is_typed(model: Any, options: ModelOptions) -> bool:
    """True for a `modelport.Model`, and for anything whose own `predict` has annotated parameters.

    Methods that come from a framework do not count, nor do objects that take arrays, as what was written for
    mlup does: their rows come in its way. A frame is a table, and a module's arrays are what they are to a
    `modelport.Model`, unless the operator says how the rows come.
    """
    if isinstance(model, Model):
        return True
    predict = getattr(model, "predict", None)
    if not callable(predict) or any(hasattr(model, name) for name in ("get_predict_args", *FIRST_FUNCTIONS)):
        return False
    if str(getattr(predict, "__module__", "")).partition(".")[0] in FRAMEWORKS:
        return False
    named = [p for p in inspect.signature(predict).parameters.values() if p.kind is not p.VAR_KEYWORD]
    return bool(named) and all(p.annotation is not p.empty for p in named) and not _takes_rows(model, options)


def _takes_rows(model: Any, options: ModelOptions) -> bool:
    from modelport.contract.hints import bare, hints_of, is_table
    from modelport.contract.natural_types import natural_form_of
    from modelport.contract.objects import is_array

    hints = hints_of(model.predict, "predict")
    arrays = [hint for name, hint in hints.items() if name != "return" and is_array(hint)]
    if options.rows_as or options.rows_argument or options.columns:
        return bool(arrays)
    if inspect.ismodule(model):
        return any(natural_form_of(bare(hint)) is None for hint in arrays)
    return not all(map(is_table, arrays))


def is_deepaas(model: Any) -> bool:
    """True for what has functions of the DEEPaaS contract that no other model has."""
    return any(callable(getattr(model, name, None)) for name in DEEPAAS_FUNCTIONS)


def takes_named(model: Any) -> bool:
    """True for an object whose `predict`, or that itself when it is called, has parameters by name."""
    from modelport.contract.objects import named_parameters

    predict = getattr(model, "predict", None)
    if callable(predict):
        return bool(named_parameters(predict))
    has_verbs = any(callable(getattr(model, name, None)) for name in ("train", "validate", "get_metadata"))
    return not has_verbs and callable(model)
