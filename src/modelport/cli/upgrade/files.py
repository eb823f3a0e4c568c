"""What V1's code does with files, which were Werkzeug's, and what an `UploadedFile` has for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from modelport.cli.upgrade.functions import GROUP, is_first
from modelport.cli.upgrade.package import Package
from modelport.cli.upgrade.points import Found
from modelport.cli.upgrade.scopes import Scope
from modelport.cli.upgrade.source_file import NOT_PLAIN, Function
from modelport.contract.file_storage import METHODS

STORAGE = "FileStorage"
UNMOVED = ("mimetype", "mimetype_params", "content_length", "headers")  # what reads nothing of a file
ASK_ONLY = ("open", "isinstance", "len", "bool", "print", "str", "repr", "enumerate", "hasattr", "type")


@dataclass
class _Files:
    """Which names in `predict_data` are files, and which lists of them."""

    argument: str
    one: set[str] = field(default_factory=set[str])
    several: set[str] = field(default_factory=set[str])

    def is_list(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.several
        if isinstance(node, ast.Subscript):
            return _is(node.value, self.argument) and _says(node.slice, "files")
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            return False
        asks = node.func.attr in ("get", "pop") and _is(node.func.value, self.argument)
        return asks and _says(node.args[0], "files")

    def is_one(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.one
        return (
            isinstance(node, ast.Subscript) and self.is_list(node.value)
            and isinstance(node.slice, (ast.Constant, ast.UnaryOp))
        )  # fmt: skip


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _says(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _files_of(function: Function, argument: str) -> _Files:
    """Follow the files through the names of a function, until nothing is learnt any more."""
    files = _Files(argument)
    for _ in range(4):
        before = (len(files.one), len(files.several))
        for node in ast.walk(function):
            target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
            if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
                if files.is_list(node.value):
                    files.several.add(target.id)
                elif files.is_one(node.value):
                    files.one.add(target.id)
            elif isinstance(node, (ast.For, ast.comprehension)):
                files.one |= _looped(files, node.target, node.iter)
        if before == (len(files.one), len(files.several)):
            break
    return files


def _looped(files: _Files, target: ast.expr, over: ast.expr) -> set[str]:
    if (
        isinstance(over, ast.Call)
        and _is(over.func, "enumerate")
        and over.args
        and isinstance(target, ast.Tuple)
    ):
        over, target = over.args[0], target.elts[-1]
    return {target.id} if files.is_list(over) and isinstance(target, ast.Name) else set()


def old_files(package: Package, scope: Scope) -> Iterator[Found]:
    """Every place where a file is used as Werkzeug's, and where its class is named."""
    for file in package.files:
        classes = [
            name for name, of in file.bound.items() if of.startswith("werkzeug") and of.endswith(STORAGE)
        ]
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Name) and node.id in classes:
                yield Found(
                    package.shown(file.path, node.lineno), f"{node.id} is the class of V1's files",
                    "files are UploadedFile: ask for its attributes, not for its class",
                    why_not="what it is asked for, nobody can tell",
                )  # fmt: skip
    function = scope.functions.get("predict_data")
    parameters = scope.parameters(function) if function is not None else None
    if function is not None and parameters is not None and len(parameters) == 1:
        yield from _used(package, scope, function, _files_of(function, parameters[0].arg))


def _used(package: Package, scope: Scope, function: Function, files: _Files) -> Iterator[Found]:
    called = {id(node.func): node for node in ast.walk(function) if isinstance(node, ast.Call)}
    asked = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and files.is_one(node.value) and isinstance(node.ctx, ast.Load)
    ]
    moved = [node.attr for node in asked if node.attr in METHODS and node.attr not in UNMOVED]
    alone = len(moved) == 1 or set(moved) == {"read"}
    for node in asked:
        found = _attribute(package, scope, node, called.get(id(node)), alone)
        if found is not None:
            yield found


def _attribute(
    package: Package, scope: Scope, node: ast.Attribute, call: ast.Call | None, alone: bool
) -> Found | None:
    """What to write for one attribute of a file; `None` if it is as it was.

    `alone` says that nothing else of the function moves in a file, so that it may be opened where it is read.
    """
    file = scope.file
    of = ast.unparse(node.value)
    found = Found(
        package.shown(file.path, node.lineno), f"{of}.{node.attr} is of werkzeug's FileStorage", group=GROUP
    )
    first = is_first(scope)
    if node.attr == "filename":
        if not first:
            return None
        found.said = f"{of}.filename is the client's name for the file; it will be the path of the file"
        found.write = f"{of}.original_filename"
        replaced: ast.expr = node
    elif alone and node.attr == "read" and call is not None and not call.args and not call.keywords:
        found.write, replaced = f'open({of}.filename, "rb").read()', call
    elif alone and node.attr == "stream":
        found.write, replaced = f'open({of}.filename, "rb")', node
    elif node.attr in METHODS:
        wanted = "shutil.copyfile({0}.filename, …)" if node.attr == "save" else 'open({0}.filename, "rb")'
        found.write, found.group = wanted.format(of), ""
        found.why_not = "it works as it is, and how often the file is read there, nobody can tell"
        return found
    else:
        return None
    if not first:
        found.group = ""
    if file.is_editable:
        found.edits = [file.replaced(replaced, found.write)]
    else:
        found.why_not = NOT_PLAIN
    return found


def names_elsewhere(package: Package, scope: Scope) -> str:
    """Why files cannot be V2's yet: they go on to code that may ask for their `filename`; or nothing."""
    function = scope.functions.get("predict_data")
    parameters = scope.parameters(function) if function is not None else None
    if function is None or not parameters:
        return ""
    files = _files_of(function, parameters[0].arg)
    goes_on = next((node for node in _nodes(function) if _hands_on(files, node)), None)
    if goes_on is None:
        return ""
    inside = {id(node) for node in ast.walk(function)}
    for file in package.files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute) and node.attr == "filename" and id(node) not in inside:
                hands_on = package.shown(scope.file.path, goes_on.lineno)
                asks = package.shown(file.path, node.lineno)
                return f"{hands_on} hands files on, and {asks} may ask for their names"
    return ""


def _nodes(function: Function) -> Iterator[ast.expr | ast.stmt]:
    return (node for node in ast.walk(function) if isinstance(node, (ast.expr, ast.stmt)))


def _hands_on(files: _Files, node: ast.AST) -> bool:
    """Whether a call or a return takes a file, or all of them, away."""
    if isinstance(node, ast.Call):
        asks = isinstance(node.func, ast.Name) and node.func.id in ASK_ONLY
        given = [*node.args, *(one.value for one in node.keywords)]
        return not asks and any(
            files.is_one(one) or files.is_list(one) or _is(one, files.argument) for one in given
        )
    return isinstance(node, (ast.Return, ast.Yield)) and node.value is not None and (
        files.is_one(node.value) or files.is_list(node.value)
    )  # fmt: skip
