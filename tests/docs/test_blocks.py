"""What the blocks of all pages say of themselves, and how what they print is compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from blocks import RUNNABLE, blocks_of
from pages import DOCS, EXAMPLES, README, name_of
from reader import matches


@pytest.mark.parametrize("page", [README, *DOCS, *EXAMPLES], ids=name_of)
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    for block in blocks_of(page):
        if block.language in RUNNABLE and block.mark == "not run":
            assert block.value, f"{block.where} says not why it is not run"
        assert block.language, f"{block.where} has no language"


def test_what_is_printed_is_compared_without_white_space() -> None:
    assert matches('{"a": 1,\n "b": "…"}', '{"a":1,"b":"anything"}\n')
    assert not matches('{"a": 1}', '{"a":2}')
