"""What a `torch.export` archive may hold to be loaded without trust.

torch itself runs much of what such a file says: it unpickles, it evaluates symbolic sizes and guards as
Python, it looks operators up by any dotted name below `torch`, and it links compiled code. So the file is
read here first, by torch's own zip reader, and only what an exported model needs is let through.
"""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from modelport.guards.errors import FileRefused

MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/(version|serialization_id)|\.format_version"
    r"|\.storage_alignment|extra/.*|models/model\.json|data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)|data/sample_inputs/model\.pt"
)
PAYLOADS = re.compile(r"(weight|tensor)_\d+")
# No attributes of the operators themselves, and none of a higher order that calls what it is given by name or
# runs code that was compiled elsewhere.
TARGETS = re.compile(
    r"torch\.ops\.(aten|prims|prim|quantized_decomposed|torchvision)"
    r"\.((?!__)\w+|__i?(and|or|xor|lshift|rshift)__)(\.(?!__)\w+)?"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|associative_scan|map_impl|invoke_subgraph|strict_mode"
    r"|wrap_with_set_grad_enabled|wrap_with_autocast|flex_attention|out_dtype|auto_functionalized(_v2)?)"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pos|pow|eq|ne|lt|le|gt|ge|and_|or_|not_|getitem)"
    r"|math\.(ceil|floor|trunc|sqrt)|torch\.sym_\w+"
)
# They reach for files, or for memory without a look at their bounds.
REACHING = re.compile(r"torch\.ops\.aten\.(from_file|save|load|_sparse_\w+_unsafe)\b")
NAMES = frozenset(
    (
        "name",
        "fqn",
        "parameter_name",
        "buffer_name",
        "tensor_constant_name",
        "buffer_to_mutate",
        "forward_arg_names",
    )
)
NAME = re.compile(r"[\w.]*")
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        "Symbol Integer Float Rational Max Min Mod Pow Add Mul Eq Ne Lt Le Gt Ge And Or Not FloorDiv CeilDiv"
        " CleanDiv PythonMod ModularIndexing Where CeilToInt FloorToInt TruncToInt RoundToInt ToFloat"
        " IntTrueDiv FloatTrueDiv PowByNatural Identity StrictGreaterThan StrictLessThan GreaterThan"
        " LessThan Equality Unequality",
    )
)
METHODS = frozenset(("size", "stride", "storage_offset", "dim"))
WORDS = frozenset(("L", "True", "False", "None", "oo", "int_oo", "true", "false"))
PARTS = (
    ast.Expression, ast.Call, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp,
    ast.Subscript, ast.Attribute, ast.keyword, ast.Load, ast.operator, ast.unaryop, ast.cmpop, ast.boolop,
    ast.Tuple,
)  # fmt: skip
PLAIN_TEXT = re.compile(r"\w+")


def check_archive(torch: Any, path: Path) -> None:
    """Raise `FileRefused` if the archive holds anything that could run code when it is loaded."""
    reader = torch._C.PyTorchFileReader(str(path))
    records: list[str] = reader.get_all_records()
    for record in records:
        if not MEMBERS.fullmatch(record):
            raise _refusal(f"it holds {record!r}")
    if "models/model.json" not in records:
        raise _refusal("it was saved in the format of an old torch, which is pickled in part")
    for record in records:
        if record.endswith("_config.json"):
            _check_payloads(json.loads(reader.get_record(record)))
    for reason in _suspects(json.loads(reader.get_record("models/model.json"))):
        raise _refusal(reason)
    try:
        torch.load(io.BytesIO(reader.get_record("data/sample_inputs/model.pt")), weights_only=True)
    except Exception as error:  # whatever it is, torch would go on to unpickle without a bound
        raise _refusal("its sample inputs are more than tensors") from error


def _refusal(reason: str) -> FileRefused:
    return FileRefused(
        f"loading it could run code: {reason}; save it anew with torch.export.save(), "
        "or load it with --trust if you know who made it"
    )


def _check_payloads(config: dict[str, Any]) -> None:
    for name, payload in config["config"].items():
        if payload.get("use_pickle") or not PAYLOADS.fullmatch(payload.get("path_name", "")):
            raise _refusal(f"its tensor {name!r} is pickled")


def _suspects(value: Any, key: str = "") -> Iterator[str]:
    """What in the description of the graph torch would run, and is not known to be harmless."""
    if isinstance(value, dict):
        items = cast(dict[str, Any], value)
        if "as_custom_obj" in items:
            yield "it holds an object of a class of its own"
        for name, inner in items.items():
            is_target = name == "as_operator" or (name == "target" and "inputs" in items)
            yield from _suspects(inner, "operator" if is_target else name)
    elif isinstance(value, list):
        for inner in cast(list[Any], value):
            yield from _suspects(inner, key)
    elif isinstance(value, str) and not _is_harmless(key, value):
        yield f"{key} is {value[:80]!r}"


def _is_harmless(key: str, text: str) -> bool:
    if key == "operator":
        return TARGETS.fullmatch(text) is not None and REACHING.match(text) is None
    if key in ("expr_str", "guards_code"):
        return is_arithmetic(text)
    if key in ("in_spec", "out_spec"):  # JSON within JSON, which may name classes to import
        return not re.search(r"\\u|__enum__|default_factory", text)
    return key not in NAMES or NAME.fullmatch(text) is not None


def is_arithmetic(text: str) -> bool:
    """Whether a Python expression only computes with sizes: no names, attributes or calls but the known."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return all(_is_known(node) for node in ast.walk(tree))


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        function = node.func
        by_name = isinstance(function, ast.Name) and function.id in FUNCTIONS
        return by_name or (isinstance(function, ast.Attribute) and function.attr in METHODS)
    if isinstance(node, ast.Name):
        return node.id in FUNCTIONS or node.id in WORDS or re.fullmatch(r"[suz]f?\d+", node.id) is not None
    if isinstance(node, ast.Attribute):
        return node.attr in METHODS
    if isinstance(node, ast.Constant):  # text is a symbol's or an input's name; sympy would evaluate more
        return not isinstance(node.value, str) or PLAIN_TEXT.fullmatch(node.value) is not None
    return isinstance(node, PARTS)
