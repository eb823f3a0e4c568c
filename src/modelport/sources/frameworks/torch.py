"""PyTorch: exported programs (.pt2), TorchScript, and modules of Python.

An exported program says everything: names, types and shapes of its inputs, and which axis is free. Of
TorchScript and of modules only the parameters of `forward` are known.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from modelport.contract.arrays.adapter import ArrayAdapter, Input
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.contract.signature import Argument
from modelport.guards.exported_programs import check_archive
from modelport.sources.frameworks.border import FunctionAdapter, framework_module, loading
from modelport.sources.frameworks.exported_program import adapt_exported
from modelport.sources.frameworks.tensors import answer_of, numpy_type, tensor_of

SCALARS = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
SCRIPT = (
    "TorchScript is a program that can read and write files: export it with torch.export.save(), "
    "or load it with --trust if you know who made it"
)
PICKLED = (
    "a pickled module runs code when it is loaded: export it with torch.export.save(), "
    "or load it with --trust if you know who made it"
)


def load(path: Path, options: ModelOptions) -> Any:
    """An exported program, or with `trust` a TorchScript module or a pickled one.

    Raises `ModelLoadError`.
    """
    torch = framework_module("torch", "torch")
    with loading(path, "torch"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript still loads, and is asked for here
        kind = _kind(path)
        if kind == "exported":
            return _exported(torch, path, options.trust)
        if kind == "script":
            if not options.trust:
                raise ModelLoadError(f"{path}: {SCRIPT}")
            return torch.jit.load(str(path), map_location="cpu")
        if not options.trust:
            raise ModelLoadError(f"{path}: {PICKLED}")
        found = torch.load(str(path), map_location="cpu", weights_only=False)
        if not isinstance(found, torch.nn.Module):
            raise ModelLoadError(
                f"{path}: it holds a {type(found).__name__}, such as weights without their module: "
                "load them into the module and save that with torch.export.save()"
            )
        return found


def adapt(obj: Any, options: ModelOptions) -> ArrayAdapter | None:
    """An adapter for an exported program or a module; `None` for anything else."""
    torch: Any = importlib.import_module("torch")
    if isinstance(obj, torch.export.ExportedProgram):
        return adapt_exported(torch, obj, options)
    if not isinstance(obj, torch.nn.Module):
        return None
    module: Any = obj
    module.eval()
    dtype = options.dtype or _input_type(module)
    is_script = isinstance(module, torch.jit.ScriptModule)
    inputs, scalars = (_script_inputs if is_script else _module_inputs)(module, numpy_type(dtype))
    return FunctionAdapter(
        framework="torch",
        metadata=_metadata(torch, module, is_script),
        inputs=inputs,
        options=scalars,
        batches=(options.max_batch_size or 1) > 1,  # nothing says whether rows depend on each other
        run=partial(_run, torch, module, (dtype, options.first_output)),
    )


def _run(
    torch: Any,
    module: Callable[..., Any],
    how: tuple[str, bool],
    given: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    dtype, first_only = how
    tensors = {name: tensor_of(torch, value, dtype) for name, value in given.items() if value is not None}
    with torch.inference_mode():
        result = module(**tensors, **options)
    return answer_of(torch, result, first_only)


def _kind(path: Path) -> str:
    """What a file of torch holds, by the members of its zip archive."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                raise ModelLoadError(f"{path}: the end of the file is missing: copy it again")
        return "pickled"  # as before torch 1.6
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] or name for name in archive.namelist()}
    if names & {"archive_format", "models/model.json", "serialized_exported_program.json"}:
        return "exported"
    return "script" if "constants.pkl" in names else "pickled"


def _exported(torch: Any, path: Path, trust: bool) -> Any:
    if trust:
        return torch.export.load(str(path))
    check_archive(torch, path)
    # Not torch.export.load: where this fails, that goes on to read the file as an old, pickled one.
    package: Any = importlib.import_module("torch.export.pt2_archive._package")
    return package.load_pt2(str(path)).exported_programs["model"]


def _input_type(module: Any) -> str:
    """`int64` where the first layer looks numbers up, else the type of its weights."""
    for layer in module.modules():
        if next(layer.children(), None) is None:
            name = getattr(layer, "original_name", type(layer).__name__)
            return "int64" if name in ("Embedding", "EmbeddingBag") else _weight_type(layer)
    return "float32"


def _weight_type(layer: Any) -> str:
    weights = next((weight for weight in layer.parameters() if weight.is_floating_point()), None)
    return "float32" if weights is None else str(weights.dtype).removeprefix("torch.")


def _script_inputs(module: Any, dtype: str) -> tuple[list[Input], list[Argument]]:
    inputs: list[Input] = []
    scalars: list[Argument] = []
    for one in module.forward.schema.arguments[1:]:  # the first is the module itself
        kind = str(one.type).removeprefix("Optional[").removesuffix("]")
        if kind in SCALARS:
            scalars.append(_scalar(one.name, SCALARS[kind], one.has_default_value(), one.default_value))
        elif kind == "Tensor":
            inputs.append(Input(name=one.name, dtype=dtype, required=not one.has_default_value()))
        elif not one.has_default_value():
            raise ModelLoadError(
                f"its forward() takes a {one.type} as {one.name!r}, which cannot be sent as rows"
            )
    return inputs, scalars


def _module_inputs(module: Any, dtype: str) -> tuple[list[Input], list[Argument]]:
    inputs: list[Input] = []
    scalars: list[Argument] = []
    names = {int: "int", float: "float", bool: "bool", str: "str"}
    for one in inspect.signature(module.forward).parameters.values():
        if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            continue
        has_default = one.default is not one.empty
        said: Any = one.annotation
        hint: Any = _class_of(one.default) if said is one.empty else said
        kind = hint if isinstance(hint, str) else names.get(hint, "")
        if kind in SCALARS:
            scalars.append(_scalar(one.name, SCALARS[kind], has_default, one.default))
        else:
            inputs.append(Input(name=one.name, dtype=dtype, required=not has_default))
    return inputs, scalars


def _class_of(value: Any) -> Any:
    return cast(Any, type(value))


def _scalar(name: str, kind: str, has_default: bool, default: Any) -> Argument:
    schema: dict[str, Any] = {"type": kind}
    if has_default:
        schema["default"] = default
    return Argument(name=name, schema=schema, required=not has_default)


def _metadata(torch: Any, module: Any, is_script: bool) -> dict[str, Any]:
    return {
        "model": str(module.original_name if is_script else type(module).__name__),
        "parameters": sum(weights.numel() for weights in module.parameters()),
        "torch": str(torch.__version__),
    }
