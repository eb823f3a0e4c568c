"""Where a package has the functions of a model: in a module, or in a class of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from modelport.cli.upgrade.package import Package
from modelport.cli.upgrade.source_file import Function, SourceFile, own_nodes

FIRST = ("predict_data", "predict_url", "get_test_args")
NAMES = (*FIRST, "predict", "get_predict_args", "get_train_args", "train")


@dataclass(frozen=True)
class Scope:
    """The functions of one model, in the body of a module or of a class."""

    file: SourceFile
    owner: ast.Module | ast.ClassDef

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Those that stand there, by name: of several the last, as Python has it."""
        return {one.name: one for one in self.owner.body if isinstance(one, Function)}

    @property
    def is_class(self) -> bool:
        return isinstance(self.owner, ast.ClassDef)

    @property
    def names(self) -> set[str]:
        """Everything that is bound there, if only perhaps, functions that are imported too."""
        found: set[str] = set()
        for node in own_nodes(self.owner):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= {one.asname or one.name for one in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, Function | ast.ClassDef):
                found.add(node.name)
        return found

    @cached_property
    def unknown(self) -> str:
        """What may bring other functions, which nobody can tell; empty where nothing does."""
        if any(isinstance(one, ast.ImportFrom) and one.names[0].name == "*" for one in own_nodes(self.owner)):
            return "what an import of * brings, nobody can tell"
        bases = self.owner.bases if isinstance(self.owner, ast.ClassDef) else []
        if any(not (isinstance(one, ast.Name) and one.id == "object") for one in bases):
            return "what the class has from its bases, nobody can tell"
        return ""

    def parameters(self, function: Function) -> list[ast.arg] | None:
        """The parameters that come by place, without `self`; `None` if there are others.

        Nor are those known of a function whose decorator may change them.
        """
        given = function.args
        if given.vararg or given.kwarg or given.kwonlyargs or given.defaults:
            return None
        if not all(_hands_all_on(self.file.tree, one) for one in function.decorator_list):
            return None
        every = [*given.posonlyargs, *given.args]
        if not self.is_class:
            return every
        return every[1:] if every and every[0].arg == "self" else None


def _hands_all_on(tree: ast.Module, decorator: ast.expr) -> bool:
    """Whether a decorator of the same module makes a function that takes whatever it is given."""
    if not isinstance(decorator, ast.Name):
        return False
    made = [one for one in tree.body if isinstance(one, Function) and one.name == decorator.id]
    inner = [one for function in made for one in function.body if isinstance(one, Function)]
    return bool(inner) and all(one.args.vararg and one.args.kwarg and not one.args.args for one in inner)


def scopes_of(package: Package) -> list[Scope]:
    """The models of a package: what its entry points name, or else whatever has functions of V1."""
    found: list[Scope] = []
    for entry in package.entries:
        file = package.module(entry.module) if entry.module else None
        if file is not None:
            found += _named(package, file, entry.attribute)
    if not any(set(NAMES) & set(scope.functions) for scope in found):
        found = [
            scope for file in package.files for scope in scopes_in(file) if set(FIRST) & set(scope.functions)
        ]
    seen: set[int] = set()
    return [one for one in found if not (id(one.owner) in seen or seen.add(id(one.owner)))]


def scopes_in(file: SourceFile) -> Iterator[Scope]:
    """The module, and the classes at its outermost level."""
    yield Scope(file, file.tree)
    for node in file.tree.body:
        if isinstance(node, ast.ClassDef):
            yield Scope(file, node)


def _named(package: Package, file: SourceFile, attribute: str) -> list[Scope]:
    """The module, or the class that an entry point means: by its name, that of an object, or an import."""
    if not attribute:
        scope = Scope(file, file.tree)
        has_own = {*FIRST, "predict"} & set(scope.functions)
        return [scope] if has_own else [scope, *_imported(package, file)]
    for node in file.tree.body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return [Scope(file, node)]
        is_it = isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == attribute for one in node.targets
        )
        if is_it and isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Name) and called.id != attribute:
                return _named(package, file, called.id)
    classes = [
        Scope(other, node)
        for other in package.files
        for node in other.tree.body
        if isinstance(node, ast.ClassDef) and node.name == attribute
    ]
    return classes[:1]


def _imported(package: Package, file: SourceFile) -> Iterator[Scope]:
    """The modules of the package from which a module takes functions of its model."""
    for node in file.tree.body:
        if isinstance(node, ast.ImportFrom) and any(one.name in NAMES for one in node.names):
            other = package.module(node.module) if node.module else None
            if other is not None and other is not file:
                yield Scope(other, other.tree)
