"""The package keeps its own promises: its public face, its start-up cost, its docstrings, its version."""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from serving import Server, environment

import modelport

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "modelport"
HEAVY = {"aiohttp", "marshmallow", "msgspec", "numpy", "pydantic", "rich", "starlette", "uvicorn", "webargs"}
# What no server imports, and no worker of a typed model, as long as nobody asks for what needs it.
NOT_BY_SERVERS = {
    "aiohttp", "alembic", "httpx", "mako", "marshmallow", "mcp", "numpy", "pydantic", "rich", "webargs",
    "wsproto", "yaml",
}  # fmt: skip
NOT_BY_WORKERS = {
    "aiohttp", "alembic", "anyio", "click", "httpx", "mako", "marshmallow", "numpy", "rich", "sqlalchemy",
    "starlette", "uvicorn", "webargs", "yaml",
}  # fmt: skip
MODEL = """
import sys

def predict(n: int) -> list[str]:
    return sorted({module.partition(".")[0] for module in sys.modules})
"""
SERVER = """
import atexit, sys
from modelport.cli.main import cli

atexit.register(lambda: print(*{module.partition(".")[0] for module in sys.modules}))
cli(["serve", sys.argv[1], "--port", "0"])
"""
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported_by(code: str) -> set[str]:
    """The top-level modules outside the standard library that a fresh interpreter has after `code`."""
    report = "import sys; print(' '.join({m.partition('.')[0] for m in sys.modules}))"
    before = _modules(report)
    return _modules(f"{code}\n{report}") - before - set(sys.stdlib_module_names) - {"modelport"}


def _modules(code: str) -> set[str]:
    path = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", path + code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_all_names_every_public_name() -> None:
    public = set(modelport._HOMES) | {"__version__"}
    assert set(modelport.__all__) == public
    for name in modelport.__all__:
        assert getattr(modelport, name) is not None


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    checked = next(n for n in tree.body if isinstance(n, ast.If))
    names = {alias.name for n in checked.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert names == set(modelport._HOMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Modle'"):
        _ = modelport.Modle


def test_import_modelport_imports_nothing_else() -> None:
    assert imported_by("import modelport") == set()


def test_help_imports_nothing_heavy() -> None:
    help_ = "from modelport.cli.main import cli\ntry:\n    cli(['--help'])\nexcept SystemExit:\n    pass"
    assert imported_by(help_) & HEAVY == set()


@pytest.mark.slow
def test_servers_and_workers_import_only_what_they_need(tmp_path: Path) -> None:
    model = tmp_path / "small.py"
    model.write_text(MODEL)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(model)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server(process)
    try:
        server.wait_settled()
        answer = server.client.post("/v2/models/small/predict/", json={"n": 1})
        assert answer.status_code == 200, answer.text
        of_worker = set(answer.json())
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        of_server = set(process.stdout.read().split())
    finally:
        assert server.stop() == 0
    assert {"modelport", "sqlalchemy"} <= of_server
    assert of_server & NOT_BY_SERVERS == set()
    assert {"modelport", "pydantic"} <= of_worker
    assert of_worker & NOT_BY_WORKERS == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_every_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and not text.strip():
        return
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert newest is not None
    assert project["version"] == newest[1] == modelport.__version__
