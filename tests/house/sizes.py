"""How large the code is: the worst five of each measure, and what is over its limit.

Run it by itself to see the table: `python tests/house/sizes.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMITS = {"file": 400, "body": 50, "nesting": 4, "parameters": 6}
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def measures(folder: Path) -> list[tuple[str, int, str]]:
    """Every (measure, value, where) of the Python files below a folder."""
    return list(_measured(folder))


def _measured(folder: Path) -> Iterator[tuple[str, int, str]]:
    for path in sorted(folder.rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        yield "file", len(text.splitlines()), where
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function):
                yield "body", _body_lines(node), f"{where}:{node.name}"
                yield "nesting", _depth(node.body), f"{where}:{node.name}"
                yield "parameters", _parameters(node), f"{where}:{node.name}"


def _body_lines(node: Function) -> int:
    return (node.end_lineno or 0) - node.body[0].lineno + 1


def _depth(statements: list[ast.stmt]) -> int:
    return max((_depth_of(statement) for statement in statements), default=0)


def _depth_of(node: ast.stmt) -> int:
    if not isinstance(node, BLOCKS):
        return 0
    inner = [s for _, value in ast.iter_fields(node) if isinstance(value, list) for s in _statements(value)]
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return max(1 + _depth(node.body), _depth(node.orelse))  # elif is no deeper than if
    return 1 + _depth(inner)


def _statements(values: list[ast.AST]) -> Iterator[ast.stmt]:
    for value in values:
        if isinstance(value, ast.stmt):
            yield value
        elif isinstance(value, (ast.ExceptHandler, ast.match_case)):
            yield from value.body


def _parameters(node: Function) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def worst(folder: Path, count: int = 5) -> dict[str, list[tuple[int, str]]]:
    """The largest of each measure."""
    found = measures(folder)
    return {name: sorted(((v, w) for n, v, w in found if n == name), reverse=True)[:count] for name in LIMITS}


if __name__ == "__main__":
    for measure, rows in worst(ROOT / "src").items():
        print(f"{measure} (limit {LIMITS[measure]})")
        for value, where in rows:
            print(f"  {value:5} {where}")
