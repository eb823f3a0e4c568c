"""Each setting is declared once: what is said of it elsewhere follows from that."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import modelport
from modelport.client import run_records
from modelport.settings import Settings
from modelport.settings.checking import checked_setting, declarations
from modelport.settings.declaring import words_of
from modelport.settings.groups.mlup import Mode
from modelport.settings.groups.runs import OnRegression

SOURCE = Path(modelport.__file__).parent


@pytest.mark.parametrize("name", declarations())
def test_the_default_of_a_setting_is_within_its_range(name: str) -> None:
    default = getattr(Settings(), name)
    if default not in (None, ""):
        assert checked_setting(name, default, name) == default


def test_the_client_knows_the_same_words_as_the_server() -> None:
    assert get_args(run_records.OnRegression) == words_of(OnRegression)


def test_the_words_of_a_setting_stand_in_one_file() -> None:
    """But for the client, which has none of the server's code."""
    words = {*words_of(Mode), *words_of(OnRegression)}
    files = [path for path in SOURCE.rglob("*.py") if "client" not in path.relative_to(SOURCE).parts]
    found = {path.relative_to(SOURCE).as_posix() for path in files if words & _texts(path)}
    assert found == {"settings/groups/mlup.py", "settings/groups/runs.py"}


def _texts(path: Path) -> set[object]:
    """Every text that stands in the code by itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
