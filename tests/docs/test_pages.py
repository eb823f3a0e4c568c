"""Every command and every program in the README and the docs does what the page says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import RUNNABLE, blocks_of
from reader import Reader, matches
from serving import ROOT

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*/README.md"))]
MISSING = [tool for tool in ("curl", "make") if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    reader.open()
    yield reader
    reader.close()


@needs_tools
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p)], ids=name_of)
def test_every_block_of_the_page_works(page: Path, reader: Reader) -> None:
    for block in blocks_of(page):
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    for block in blocks_of(page):
        if block.language in RUNNABLE and block.mark == "not run":
            assert block.value, f"{block.where} says not why it is not run"
        assert block.language, f"{block.where} has no language"


def test_what_is_printed_is_compared_without_white_space() -> None:
    assert matches('{"a": 1,\n "b": "…"}', '{"a":1,"b":"anything"}\n')
    assert not matches('{"a": 1}', '{"a":2}')
