"""V1's dictionaries of arguments, and the fields of webargs that say the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelport.cli.upgrade.package import Package
from modelport.cli.upgrade.points import Found
from modelport.cli.upgrade.scopes import Scope
from modelport.cli.upgrade.source_file import (
    NOT_PLAIN,
    Edit,
    Function,
    SourceFile,
    own_nodes,
)

OF_ARGUMENTS = ("get_train_args", "get_test_args", "get_predict_args")
TYPES = {"str": "Str", "int": "Int", "float": "Float", "bool": "Bool"}
TRAIN = "train"  # the group of edits by which train and its arguments become V2's
PREDICT = "predict"  # that of those by which predict_data and predict_url do
KNOWN = {"default", "help", "description", "required", "type", "choices"}
FIELDS = "fields"
OF_FIELDS = ("webargs.fields", "marshmallow.fields")
WIDTH = 100
ALL_TEXTS = "every value arrives as a text until then"


def dictionaries(package: Package, scope: Scope) -> Iterator[Found]:
    """Each argument that a dictionary describes, and the old name of the function that does it."""
    for name in OF_ARGUMENTS:
        function = scope.functions.get(name)
        if function is None:
            continue
        given = returned_dictionaries(function)
        for one in given:
            for key, value in zip(one.keys, one.values, strict=True):
                if key is not None and isinstance(value, ast.Dict):
                    found = _described(package, scope.file, key, value)
                    found.group = TRAIN if name == OF_ARGUMENTS[0] else ""
                    yield found
        if not given and not _mentions_fields(scope.file):
            yield Found(
                package.shown(scope.file.path, function.lineno),
                f"{name}() returns what is made elsewhere; if that are dictionaries, {ALL_TEXTS}",
                "a dictionary of webargs fields, such as fields.Str(load_default=\"…\")",
                why_not="what it returns is not written there",
            )  # fmt: skip
    old = scope.functions.get("get_test_args")
    if old is not None and "get_predict_args" not in scope.names:
        found = _old_name(package, scope, old)
        found.group = PREDICT if {"predict_data", "predict_url"} & set(scope.functions) else ""
        yield found


def returned_dictionaries(function: Function) -> list[ast.Dict]:
    """The dictionaries that are written in a function and that it returns, by themselves or by a name."""
    named = _named_values(function)
    found: list[ast.Dict] = []
    for value in _returned(function):
        values = named.get(value.id, []) if isinstance(value, ast.Name) else [value]
        dictionaries = [one for one in values if isinstance(one, ast.Dict)]
        found += dictionaries if len(dictionaries) == len(values) else []
    return found


def returned_dictionary(function: Function) -> ast.Dict | None:
    """The one dictionary that a function returns, whatever happens in it; `None` if it may be another."""
    found = returned_dictionaries(function)
    return found[0] if len(found) == len(_returned(function)) == 1 else None


def _returned(function: Function) -> list[ast.expr | None]:
    return [node.value for node in own_nodes(function) if isinstance(node, ast.Return)]


def _named_values(function: Function) -> dict[str, list[ast.expr | None]]:
    """What each name in a function is assigned; `None` where that is not written as such."""
    found: dict[str, list[ast.expr | None]] = {}
    plain: set[int] = set()
    for node in own_nodes(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
                    plain.add(id(target))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in plain:
            found.setdefault(node.id, []).append(None)
    return found


def _mentions_fields(file: SourceFile) -> bool:
    return any(of in OF_FIELDS or of in ("webargs", "marshmallow") for of in file.bound.values())


def import_of_fields(file: SourceFile) -> Edit | None:
    """The edit that imports `fields`. Raises `LookupError` if that name means something else there."""
    bound = file.bound.get(FIELDS)
    if bound in OF_FIELDS:
        return None
    if bound is not None or FIELDS in file.assigned:
        raise LookupError(FIELDS)
    return file.importing("from webargs import fields")


def _described(package: Package, file: SourceFile, key: ast.expr, value: ast.Dict) -> Found:
    place = package.shown(file.path, value.lineno)
    name = str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key)
    said = f"the argument {name!r} is a dictionary; {ALL_TEXTS}"
    parts, why_not = field_of(file, value)
    found = Found(place, said, f"{quoted(name)}: {called(*parts)}", why_not=why_not)
    if not why_not:
        try:
            added = import_of_fields(file)
        except LookupError:
            found.why_not = f"{FIELDS!r} means something else in this file"
            return found
        text = called(*parts, at=value.col_offset, depth=key.col_offset)
        found.edits = [file.replaced(value, text), *([added] if added else [])]
    return found


def quoted(text: str) -> str:
    """A text as Python writes it, in double quotes where that can be."""
    return f'"{text}"' if text.isprintable() and not set('"\\') & set(text) else repr(text)


def called(name: str, arguments: list[str], at: int | None = None, depth: int = 0) -> str:
    """A call as it is written: on one line from a column on, if it fits, else on one for each argument."""
    line = f"{name}({', '.join(arguments)})"
    if at is None or at + len(line) < WIDTH:
        return line
    inner = "".join(f"\n{' ' * (depth + 4)}{one}," for one in arguments)
    return f"{name}({inner}\n{' ' * depth})"


def field_of(file: SourceFile, value: ast.Dict) -> tuple[tuple[str, list[str]], str]:
    """The field, and its arguments, that says what a dictionary says, and why `--write` does not write it."""
    entries = {
        str(key.value): one
        for key, one in zip(value.keys, value.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    unknown = sorted(set(entries) - KNOWN) + ["…"] * (len(entries) != len(value.keys))
    kind = entries.get("type")
    known_kind = kind is None or (isinstance(kind, ast.Name) and kind.id in TYPES)
    required = entries.get("required")
    is_constant = required is None or isinstance(required, ast.Constant)
    written = _field(file, entries, TYPES[kind.id] if isinstance(kind, ast.Name) and known_kind else "Str")
    if unknown:
        return written, f"what {', '.join(unknown)} of it becomes, nobody can tell"
    if not known_kind:
        return written, "its type is none of str, int, float and bool"
    if not is_constant:
        return written, "whether it is required is not written there"
    if not file.is_editable:
        return written, NOT_PLAIN
    return written, "there is a comment in it" if file.has_comment(value) else ""


def _field(file: SourceFile, entries: dict[str, ast.expr], kind: str) -> tuple[str, list[str]]:
    required = entries.get("required")
    parts = ["required=True"] if isinstance(required, ast.Constant) and required.value else []
    if not parts:
        parts = [f"load_default={_default(entries.get('default'), kind)}"]
    about = entries.get("help") or entries.get("description")
    metadata: list[str] = []
    if about is not None and not (isinstance(about, ast.Constant) and not about.value):
        metadata.append(f'"description": {_source(file, about)}')
    if "choices" in entries:
        metadata.append(f'"enum": {_source(file, entries["choices"])}')
    if metadata:
        parts.append(f"metadata={{{', '.join(metadata)}}}")
    return f"fields.{kind}", parts


def _default(default: ast.expr | None, kind: str) -> str:
    """The default of a field: that of a text is one, as V1 had it."""
    if default is None:
        return "None"
    if isinstance(default, ast.Constant) and isinstance(default.value, str):
        return quoted(default.value)
    if kind != "Str" or (isinstance(default, ast.Constant) and default.value is None):
        return ast.unparse(default)
    if isinstance(default, ast.Constant):
        return quoted(str(default.value))
    written = ast.unparse(default)
    is_text = isinstance(default, ast.JoinedStr) or written.startswith(("json.dumps(", "str("))
    return written if is_text else f"str({written})"


def _source(file: SourceFile, node: ast.expr) -> str:
    """What is written, on one line."""
    text = file.text(node) if file.is_editable else ast.unparse(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return quoted(node.value)
    return text if "\n" not in text else ast.unparse(node)


def _old_name(package: Package, scope: Scope, function: Function) -> Found:
    name, new = "get_test_args", "get_predict_args"
    found = Found(
        package.shown(scope.file.path, function.lineno), f"{name}() is the name that V1 had", f"def {new}(…)"
    )
    others = [
        package.shown(file.path, node.lineno)
        for file in package.files
        for node in ast.walk(file.tree)
        if (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.Constant) and node.value == name)
    ]
    if others:
        found.why_not = f"{others[0]} has the old name, too"
    elif not scope.file.is_editable:
        found.why_not = NOT_PLAIN
    else:
        start = scope.file.content.index(
            name.encode(), scope.file.offset(function.lineno, function.col_offset)
        )
        found.edits = [Edit(scope.file.path, start, start + len(name), new)]
    return found
