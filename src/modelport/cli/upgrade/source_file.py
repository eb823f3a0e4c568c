"""A Python file as it is written: its tree, where each part of it stands, and small edits of its bytes."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
BOM = b"\xef\xbb\xbf"
NOT_PLAIN = "the file is no UTF-8 with ordinary lines"  # so that no edit of it can be placed


@dataclass(frozen=True, order=True)
class Edit:
    """What is written in the place of some bytes of a file; at `start == end` it is written between."""

    path: Path
    start: int
    end: int
    text: str


class SourceFile:
    """A file that Python can read, or `broken`: the line and the reason why it cannot."""

    def __init__(self, path: Path, content: bytes):
        self.path = path
        self.content = content
        self.broken: tuple[int, str] | None = None
        self.tree = ast.Module(body=[], type_ignores=[])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in texts, which are the package's own affair
                self.tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 1
            self.broken = (line, getattr(error, "msg", None) or str(error))

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins."""
        starts = [0]
        for line in self.content.splitlines(keepends=True) if self._is_plain else []:
            starts.append(starts[-1] + len(line))
        return starts

    @property
    def _is_plain(self) -> bool:
        """Whether bytes and places in the tree fit: UTF-8, with ordinary ends of lines."""
        if self.content.startswith(BOM) or b"\r" in self.content.replace(b"\r\n", b""):
            return False
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(self.content).readline)
            self.content.decode()
        except (SyntaxError, UnicodeDecodeError):
            return False
        return encoding == "utf-8"

    @cached_property
    def is_editable(self) -> bool:
        """Whether edits of it can be placed."""
        return self.broken is None and self._is_plain

    @cached_property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if b"\r\n" in self.content else "\n"

    def offset(self, line: int, column: int) -> int:
        """Where a place of the tree is, in bytes."""
        return self._lines[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.arg) -> tuple[int, int]:
        """From where to where a part of the tree goes, in bytes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def text(self, node: ast.expr | ast.stmt | ast.arg) -> str:
        """A part of the tree as it is written."""
        start, end = self.span(node)
        return self.content[start:end].decode()

    def replaced(self, node: ast.expr | ast.stmt | ast.arg, text: str) -> Edit:
        """The edit that writes something else in the place of a part of the tree."""
        return Edit(self.path, *self.span(node), self._ended(text))

    def inserted(self, at: int, text: str) -> Edit:
        """The edit that writes something more."""
        return Edit(self.path, at, at, self._ended(text))

    def after_line(self, line: int) -> int:
        """Where the line after this one begins."""
        return self._lines[line] if line < len(self._lines) else len(self.content)

    def has_comment(self, node: ast.expr) -> bool:
        """Whether a comment stands within a part of the tree: an edit of it would lose that."""
        return any(line in self._comments for line in range(node.lineno, node.end_lineno or 0))

    @cached_property
    def _comments(self) -> set[int]:
        """The lines that have one. What was parsed can be read so."""
        tokens = tokenize.tokenize(io.BytesIO(self.content).readline)
        return {one.start[0] for one in tokens if one.type == tokenize.COMMENT}

    @cached_property
    def bound(self) -> dict[str, str]:
        """The names that imports at its top bind, and what they are."""
        return bound_names(self.tree)

    @cached_property
    def assigned(self) -> set[str]:
        """Every name that something in it binds, but for imports."""
        return assigned_names(self.tree)

    def indent_of(self, node: ast.stmt) -> str:
        """What stands before a statement on its line: spaces or tabs."""
        return self.content[self.offset(node.lineno, 0) : self.offset(node.lineno, node.col_offset)].decode()

    def _ended(self, text: str) -> str:
        return text.replace("\n", self.newline)

    def importing(self, statement: str) -> Edit:
        """The edit that adds an import after those that stand at the beginning."""
        after = 0
        body = self.tree.body
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            after = body[0].end_lineno or 0
        for node in body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                after = max(after, node.end_lineno or 0)
            elif not isinstance(node, ast.Expr):
                break
        if not after and self.content.startswith(b"#"):
            lines = self.content.splitlines()
            after = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
        return self.inserted(self.after_line(after) if after else 0, f"{statement}\n")


def own_nodes(owner: ast.AST) -> Iterator[ast.AST]:
    """What stands in the body of something, but for what stands in the functions and classes there."""
    left = [*ast.iter_child_nodes(owner)][::-1]
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            left += [*ast.iter_child_nodes(node)][::-1]


def bound_names(tree: ast.Module) -> dict[str, str]:
    """The names that the imports at a module's top bind, and what they are: `{"np": "numpy"}`."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {(one.asname or one.name.partition(".")[0]): one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(one.asname or one.name): f"{node.module or ''}.{one.name}" for one in node.names}
    return found


def assigned_names(tree: ast.AST) -> set[str]:
    """Every name that something in a tree binds, but for imports."""
    stored = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return stored | {node.name for node in ast.walk(tree) if isinstance(node, defined)}


def edited(content: bytes, edits: list[Edit]) -> bytes:
    """The bytes of a file with these edits, of which none may lie within another. Imports come first."""

    def place(edit: Edit) -> tuple[int, int, bool, str]:
        return edit.start, edit.end, not edit.text.startswith(("from ", "import ")), edit.text

    for edit in sorted(set(edits), key=place, reverse=True):
        content = content[: edit.start] + edit.text.encode() + content[edit.end :]
    return content
