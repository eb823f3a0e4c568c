"""The points of the notes that are not about a model's functions: Python, entry points, errors, addresses."""

from __future__ import annotations

import ast
import itertools
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from modelport.cli.upgrade.package import MAX_BYTES, NOT_CODE, Package
from modelport.cli.upgrade.points import Found
from modelport.cli.upgrade.scopes import Scope
from modelport.sources.source import ENTRY_POINT_GROUP, OLD_GROUP

OLDEST = "3.11"  # of the Pythons that modelport runs with
TEXTS = {".md", ".rst", ".txt", ".sh", ".yml", ".yaml", ".json", ".ipynb", ".py", ".js", ".html", ""}
MAX_TEXTS = 3000
OLD_ADDRESS = re.compile(rb"(?<!/v2)(?:/v1)?/models/(?P<model>[\w{}<>$.%-]+)/(?P<verb>predict|train)\b")
PREDICTS = ("predict", "predict_data", "predict_url")
FOREIGN = ("flask.abort", "werkzeug.exceptions.", "flask_restplus.", "flask_restx.")


def pythons(package: Package) -> Iterator[Found]:
    """Whether the code is one for today's Python."""
    wanted = package.requires_python
    if wanted:
        try:
            fits = SpecifierSet(_as_specifier(wanted)).contains(platform.python_version(), prereleases=True)
        except InvalidSpecifier:
            fits = True  # its own installer says so better
        if not fits:
            yield Found(
                package.shown(*package.requires_place) if package.requires_place else package.name,
                f"it requires Python {wanted}, and this is {platform.python_version()}",
                f">={OLDEST}, once it works with it", why_not="whether it does, only its tests can tell",
            )  # fmt: skip
    for file in package.files:
        if file.broken is not None:
            line, said = file.broken
            yield Found(
                package.shown(file.path, line), f"this Python cannot read it: {said}",
                "what Python 3 has for it: 2to3, of Python 3.12 or older, does most of it",
                why_not="it has to be read first",
            )  # fmt: skip


def _as_specifier(text: str) -> str:
    """Poetry's `^3.6` as the others write it."""
    return re.sub(r"\^\s*(\d+)[\d.]*", lambda found: f">={found[0][1:]},<{int(found[1]) + 1}", text)


def namespaces(package: Package) -> Iterator[Found]:
    """The groups of entry points that V1 looked into."""
    places: set[tuple[Path, int]] = set()
    of_new = {entry.name for entry in package.entries if entry.group == ENTRY_POINT_GROUP}
    for entry in package.entries:
        if entry.group != OLD_GROUP or (entry.path, entry.line) in places:
            continue
        places.add((entry.path, entry.line))
        found = Found(
            package.shown(entry.path, entry.line), f"the entry point is in {OLD_GROUP}, the group of V1",
            ENTRY_POINT_GROUP, edits=[entry.edit] if entry.edit else [],
        )  # fmt: skip
        if of_new:
            found.edits, found.why_not = [], f"{ENTRY_POINT_GROUP} is there, too: keep one of them"
        elif package.fixed:
            found.edits, found.why_not = [], package.fixed
        elif not found.edits:
            found.why_not = "how it is written there is not known here"
        yield found
    if not package.entries and (package.root is not None or len(package.files) > 1):
        yield Found(
            package.shown(package.root) if package.root else package.name,
            f"neither {ENTRY_POINT_GROUP} nor {OLD_GROUP} is among its entry points",
            f'[project.entry-points."{ENTRY_POINT_GROUP}"] in pyproject.toml, with name = "package.module"',
            why_not="which module is the model, nobody can tell",
        )  # fmt: skip


def responses(package: Package, scope: Scope) -> Iterator[Found]:
    """What predictions are wrapped in, where the model has no schema of its own."""
    for name in PREDICTS:
        function = scope.functions.get(name)
        if function is not None and "schema" not in scope.names:
            yield Found(
                package.shown(scope.file.path, function.lineno),
                f'what {name}() returns arrives in {{"status": "OK", "predictions": …}}',
                "schema = {…} with fields of marshmallow, if it should arrive as it is", note=True,
            )  # fmt: skip


def errors(package: Package, scope: Scope) -> Iterator[Found]:
    """Exceptions in predictions whose status is none that was meant."""
    for name in PREDICTS:
        function = scope.functions.get(name)
        for node in ast.walk(function or ast.Module(body=[], type_ignores=[])):
            raised = node.exc if isinstance(node, ast.Raise) else None
            called = raised.func if isinstance(raised, ast.Call) else raised
            if isinstance(called, ast.Name) and called.id in ("Exception", "BaseException", "RuntimeError"):
                yield Found(
                    package.shown(scope.file.path, called.lineno), f"raise {called.id}(…) is answered 500",
                    "raise HTTPBadRequest(reason=…), of aiohttp.web, where the client is to blame", note=True,
                )  # fmt: skip
    for file in package.files:
        for node in file.tree.body:
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for one in node.names if isinstance(node, ast.ImportFrom) else []:
                if f"{module}.{one.name}".startswith(FOREIGN):
                    yield Found(
                        package.shown(file.path, node.lineno),
                        f"{one.name} is of the framework that V1 was made of",
                        "from aiohttp.web import HTTPBadRequest, and raise HTTPBadRequest(reason=…)",
                        note=True,
                    )  # fmt: skip


def addresses(package: Package) -> Iterator[Found]:
    """Paths of V1 in the texts of the project: documents, scripts, clients."""
    if package.root is None:
        return
    texts = list(itertools.islice(_texts(package.root), MAX_TEXTS + 1))
    if len(texts) > MAX_TEXTS:
        yield Found(
            package.shown(package.root), f"it has more than {MAX_TEXTS} texts, and the others were not read",
            "look for /models/ in what asks the API there, or go through its folders one by one",
        )  # fmt: skip
    for path in texts[:MAX_TEXTS]:
        content = path.read_bytes()
        for match in OLD_ADDRESS.finditer(content):
            model, verb = match["model"].decode(), match["verb"].decode()
            yield Found(
                package.shown(path, content.count(b"\n", 0, match.start()) + 1),
                f"{match[0].decode()} is V1's path",
                f"/v2/models/{model}/{verb}/", why_not="what asks there may send what V1 took",
            )  # fmt: skip


def _texts(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        inner = path.relative_to(root).parts
        skipped = any(
            part.startswith(".") or part in NOT_CODE - {"docs", "tests", "test"} for part in inner[:-1]
        )
        if skipped or path.suffix.lower() not in TEXTS or not path.is_file():
            continue
        if path.stat().st_size <= MAX_BYTES:
            yield path
