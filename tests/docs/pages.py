"""The pages that tests follow: every command and every program on them does what the page says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from blocks import blocks_of
from reader import Reader
from serving import ROOT

README = ROOT / "README.md"
DOCS = sorted(ROOT.glob("docs/*.md"))
EXAMPLES = sorted(ROOT.glob("examples/*/README.md"))
MISSING = [tool for tool in ("curl", "make") if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def follow(page: Path, folder: Path) -> None:
    """Do all that a page says, in a folder of its own."""
    reader = Reader(folder)
    reader.open()
    try:
        for block in blocks_of(page):
            reader.follow(block)
    finally:
        reader.close()
