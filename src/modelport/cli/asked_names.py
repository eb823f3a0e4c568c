"""Who asks whom, as the code of models says it: the names that stand in `modelport.model("…")`.

The code is read, not run: what it asks under a name that it makes up on the way is not seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from modelport.home import expanded
from modelport.sources.source import Source

Found = dict[str, str]  # where each name stands, as `file.py:12`
INSTALLED = frozenset({"site-packages", "dist-packages"})  # folders where beside a package stand strangers


def asked_names(source: Source) -> Found:
    """The models that the code of a source asks: its file or class, and what they import from beside it.

    A module must have been loaded. Nothing is found in code that cannot be read.
    """
    found: Found = {}
    file = _file_of(source)
    if file is not None:
        _read(file, source.attribute.partition(".")[0], found, {})
    return found


def circles(asked: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Each circle of models that ask the next one, once: `[a, b]` is a that asks b that asks a."""
    found: dict[frozenset[str], list[str]] = {}

    def follow(way: list[str]) -> None:
        for name in asked[way[-1]]:
            if name in way:
                circle = way[way.index(name) :]
                found.setdefault(frozenset(circle), circle)
            elif name in asked:
                follow([*way, name])

    for name in asked:
        follow([name])
    return list(found.values())


def _file_of(source: Source) -> Path | None:
    if source.kind == "file":
        return expanded(source.target).absolute()
    file = getattr(sys.modules.get(source.target), "__file__", None)
    return Path(file) if source.kind == "module" and file else None


def _read(file: Path, attribute: str, found: Found, seen: dict[Path, tuple[ast.Module, set[str]]]) -> None:
    """Look at what of a file belongs to the class, function or object `attribute`, or at all of it.

    `seen` has each file that was read, with what of it was looked at.
    """
    if file not in seen:
        seen[file] = _tree(file), set()
    tree, parts = seen[file]
    if attribute in parts:
        return
    parts.add(attribute)
    nodes = _used(tree, attribute)
    for name, line in _names(tree, nodes):
        found.setdefault(name, f"{file.name}:{line}")
    for other, part in _imported(nodes, file):
        _read(other, part, found, seen)


def _tree(file: Path) -> ast.Module:
    """The code of a file; none, if it cannot be read."""
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _used(tree: ast.Module, attribute: str) -> list[ast.stmt]:
    """What of a module belongs to one name of it; all of it, if that is not made there."""
    made = {name: node for node in tree.body for name in _made(node)}
    if attribute not in made:
        return tree.body
    used: dict[str, ast.stmt] = {}
    waiting = [attribute]
    while waiting:
        name = waiting.pop()
        if name in made and name not in used:
            used[name] = made[name]
            waiting += [node.id for node in ast.walk(made[name]) if isinstance(node, ast.Name)]
    return list(used.values())


def _made(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [one.asname or one.name.partition(".")[0] for one in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _names(tree: ast.Module, nodes: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """The first arguments of calls of `modelport.model`, however that was imported, with their lines."""
    packages, functions = _bound(tree)
    for call in (node for top in nodes for node in ast.walk(top) if isinstance(node, ast.Call)):
        called = call.func
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            is_ours = called.attr == "model" and called.value.id in packages
        else:
            is_ours = isinstance(called, ast.Name) and called.id in functions
        given = call.args[0] if call.args else None
        if is_ours and isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield given.value, call.lineno


def _bound(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that mean the package `modelport` in a module, and those that mean its `model`."""
    packages: set[str] = set()
    functions: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            packages |= {one.asname or one.name for one in node.names if one.name == "modelport"}
        elif isinstance(node, ast.ImportFrom) and node.module == "modelport":
            functions |= {one.asname or one.name for one in node.names if one.name == "model"}
    return packages, functions


def _imported(nodes: list[ast.stmt], file: Path) -> Iterator[tuple[Path, str]]:
    """The files beside a module, or in its package, that a part of it imports, with what it takes of them."""
    top = file.parent
    while (top / "__init__.py").exists():
        top = top.parent
    own = file.relative_to(top).with_suffix("").parts[0] if top.name in INSTALLED else ""
    for node in (node for one in nodes for node in ast.walk(one)):
        if isinstance(node, ast.Import):
            for one in node.names:
                if _is_own(one.name, own):
                    yield from _files(top, one.name, "")
        elif isinstance(node, ast.ImportFrom):
            level, module = node.level, node.module or ""
            if not (level or _is_own(module, own)):
                continue
            place = file.parents[level - 1] if 0 < level <= len(file.parents) else top
            for one in node.names:
                yield from _files(place, module, one.name)
                yield from _files(place, f"{module}.{one.name}".strip("."), "")


def _is_own(module: str, own: str) -> bool:
    """Whether a module belongs to the package `own`, beside which are those of others; any, without one."""
    return not own or module.partition(".")[0] == own


def _files(place: Path, module: str, part: str) -> Iterator[tuple[Path, str]]:
    path = place.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if module and file.is_file():
            yield file, part
