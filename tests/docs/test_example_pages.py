"""Every command and every program in the examples' own pages does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import EXAMPLES, follow, name_of, needs_tools

pytestmark = [needs_tools, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("page", EXAMPLES, ids=name_of)
def test_every_block_of_the_page_works(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)
