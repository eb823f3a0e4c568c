"""What is read to learn whom a model asks."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from modelport.cli.asked_names import asked_names
from modelport.sources.source import Source

ASKS = "import modelport\n\n\ndef ask():\n    return modelport.model({!r})\n"


@pytest.mark.parametrize(("folder", "found"), [("site-packages", {"near"}), ("project", {"near", "far"})])
def test_of_what_is_installed_its_own_package_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, found: set[str]
) -> None:
    package = tmp_path / folder / "own"
    package.mkdir(parents=True)
    init = package / "__init__.py"
    init.write_text("import stranger\nfrom own.first import ask\nfrom . import second\n")
    (package / "first.py").write_text("from stranger import ask as other\n" + ASKS.format("near"))
    (package / "second.py").write_text("import own\nimport own.first\n")
    (package.parent / "stranger.py").write_text(ASKS.format("far"))
    module = ModuleType("own")
    module.__file__ = str(init)
    monkeypatch.setitem(sys.modules, "own", module)
    assert set(asked_names(Source("own", "module", "own"))) == found
