"""No module needs, by whatever way, one that needs it: not even by an import within a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "modelport"


def modules_of(package: Path) -> dict[str, Path]:
    """The modules below a package, by their names."""
    return {_name(path.relative_to(package.parent)): path for path in sorted(package.rglob("*.py"))}


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(source: str, known: set[str]) -> set[str]:
    """The known modules that a source imports when it is run, wherever in it the import stands."""
    return {
        next(name for name in names if name in known)
        for names in _imports(ast.parse(source))
        if not known.isdisjoint(names)
    }


def _imports(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """For each import the names that it may mean, the longest first; what is for type checkers is none."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from ((alias.name,) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        yield from ((f"{node.module}.{alias.name}", node.module) for alias in node.names)
    for inner in ast.iter_child_nodes(node):
        yield from _imports(inner)


def circle(package: Path) -> list[str]:
    """The modules of one circle, or none."""
    modules = modules_of(package)
    graph = {name: imported(path.read_text("utf-8"), set(modules)) - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_goes_in_a_circle() -> None:
    assert circle(PACKAGE) == []


@pytest.mark.parametrize("late", ["import made.first", "from made import first", "from made.first import x"])
def test_a_circle_through_a_function_is_seen(tmp_path: Path, late: str) -> None:
    package = tmp_path / "made"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "first.py").write_text("from made.second import y\n")
    (package / "second.py").write_text(f"def f():\n    {late}\n")
    assert set(circle(package)) == {"made.first", "made.second"}
    (package / "second.py").write_text(f"if TYPE_CHECKING:\n    {late}\n")
    assert circle(package) == []
