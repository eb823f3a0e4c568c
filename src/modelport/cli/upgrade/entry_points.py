"""The entry points of a package as they are written, in its setup files or its metadata."""

from __future__ import annotations

import ast
import configparser
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from modelport.cli.upgrade.source_file import Edit, SourceFile
from modelport.sources.source import ENTRY_POINT_GROUP, OLD_GROUP

GROUPS = (ENTRY_POINT_GROUP, OLD_GROUP)
TABLES = (("project", "entry-points"), ("tool", "poetry", "plugins"))  # of a pyproject.toml
SECTIONS = ("options.entry_points", "entry_points")  # of a setup.cfg: setuptools' and pbr's
# A group where it is named: as a section or the end of one, and as a key.
WRITTEN = r"^[ \t]*(?:\[(?:[^\]\n]*\.)?[\"']?(?P<section>{0})[\"']?\]|[\"']?(?P<key>{0})[\"']?[ \t]*=)"
POINT = re.compile(r"^\s*(?P<name>[\w.-]+)\s*=\s*(?P<value>[\w.]+(?:\s*:\s*[\w.]+)?)", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """An entry point; its name is empty for a group in which none was found. `edit` names the new group."""

    group: str
    name: str
    value: str
    path: Path
    line: int
    edit: Edit | None = None

    @property
    def module(self) -> str:
        """The module that it names."""
        return self.value.partition(":")[0].strip()

    @property
    def attribute(self) -> str:
        """What it names in that module, if anything."""
        return self.value.partition(":")[2].strip()


def entries_of_folder(root: Path) -> list[Entry]:
    """The entry points of DEEPaaS that the files of a project have."""
    found: list[Entry] = []
    for name, read in (("pyproject.toml", _of_toml), ("setup.cfg", of_ini)):
        path = root / name
        if path.is_file():
            found += _placed(path, read(path.read_text(encoding="utf-8", errors="replace")))
    path = root / "setup.py"
    if path.is_file():
        found += _of_setup(SourceFile(path, path.read_bytes()))
    return found


def entries_of_metadata(path: Path) -> list[Entry]:
    """Those of the entry_points.txt of an installed package."""
    return _placed(path, of_ini(path.read_text(encoding="utf-8", errors="replace")))


def of_ini(text: str) -> dict[str, dict[str, str]]:
    """The entry points in a text in the form of INI, by group and name; nothing of one in another form."""
    parser = configparser.ConfigParser(
        delimiters=("=",), strict=False, interpolation=None, allow_no_value=True
    )
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    found: dict[str, dict[str, str]] = {}
    try:
        parser.read_string(textwrap.dedent(text))
    except configparser.Error:
        return found
    for group in GROUPS:
        if parser.has_section(group):
            found[group] = {name: value or "" for name, value in parser.items(group)}
        for section in SECTIONS:
            if parser.has_option(section, group):
                found[group] = _points(parser.get(section, group) or "")
    return found


def _of_toml(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    try:
        read: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return found
    for keys in TABLES:
        table: Any = read
        for key in keys:
            table = cast("dict[str, Any]", table).get(key, {}) if isinstance(table, dict) else {}
        for group in GROUPS:
            points: Any = cast("dict[str, Any]", table).get(group) if isinstance(table, dict) else None
            if isinstance(points, dict):
                found[group] = {str(k): str(v) for k, v in cast("dict[str, Any]", points).items()}
    return found


def _points(text: str) -> dict[str, str]:
    return {match["name"]: match["value"] for match in POINT.finditer(text)}


def _placed(path: Path, groups: dict[str, dict[str, str]]) -> list[Entry]:
    """Entry points with the place in the file where their group is named."""
    content = path.read_bytes()
    found: list[Entry] = []
    for group, points in groups.items():
        written = re.search(WRITTEN.format(re.escape(group)).encode(), content, re.MULTILINE)
        line, edit = 1, None
        if written is not None:
            start, end = written.span("section" if written["section"] else "key")
            line = content.count(b"\n", 0, start) + 1
            edit = Edit(path, start, end, ENTRY_POINT_GROUP) if group == OLD_GROUP else None
        found += [Entry(group, name, value, path, line, edit) for name, value in (points or {"": ""}).items()]
    return found


def _of_setup(file: SourceFile) -> list[Entry]:
    """Those of a setup.py: the dictionary, or the text, that `entry_points` gets."""
    return [entry for node in ast.walk(file.tree) for entry in _of_node(file, node)]


def _of_node(file: SourceFile, node: ast.AST) -> Iterator[Entry]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
        for group, points in of_ini(node.value).items():
            for name, value in points.items():
                yield Entry(group, name, value, file.path, node.lineno)
    if not isinstance(node, ast.Dict):
        return
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or key.value not in GROUPS:
            continue
        edit = None
        if key.value == OLD_GROUP and file.is_editable:
            edit = file.replaced(key, file.text(key).replace(OLD_GROUP, ENTRY_POINT_GROUP))
        constants = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant)]
        points = _points("\n".join(one for one in constants if isinstance(one, str)))
        for name, target in (points or {"": ""}).items():
            yield Entry(str(key.value), name, target, file.path, key.lineno, edit)
