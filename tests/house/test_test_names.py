"""Files of tests have names of their own: pytest imports them by these, whatever folder they are in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_files_of_tests_are_called_alike() -> None:
    named = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert [name for name, times in named.items() if times > 1] == []
