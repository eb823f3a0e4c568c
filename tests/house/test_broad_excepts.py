"""An `except` that takes everything stands at a border, and says so: it re-raises, logs or is explained."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "modelport"
BROAD = {"Exception", "BaseException"}


def broad_handlers(tree: ast.Module) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or BROAD & _names(node.type)):
            yield node


def _names(node: ast.expr) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def _is_answered_for(handler: ast.ExceptHandler, lines: list[str]) -> bool:
    reraises = isinstance(handler.body[-1], ast.Raise)
    logs = any(isinstance(n, ast.Attribute) and n.attr == "exception" for n in ast.walk(handler))
    return reraises or logs or "#" in lines[handler.lineno - 1]


def unexplained(source: str) -> list[int]:
    """The lines of broad handlers that neither re-raise nor log, and have no comment."""
    lines = source.splitlines()
    return [h.lineno for h in broad_handlers(ast.parse(source)) if not _is_answered_for(h, lines)]


def test_every_broad_except_is_explained() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix(): numbers
        for path in sorted(PACKAGE.rglob("*.py"))
        if (numbers := unexplained(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_a_silent_broad_except_is_found() -> None:
    silent = "try:\n    work()\nexcept (ValueError, Exception):\n    pass\n"
    assert unexplained(silent) == [3]
    assert unexplained(silent.replace("pass", "raise")) == []
    assert unexplained(silent.replace("pass", "log.exception('it failed')")) == []
    assert unexplained(silent.replace("Exception):", "Exception):  # a model's own code")) == []
