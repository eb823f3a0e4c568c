"""Every command and every program in the README does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import README, follow, needs_tools

pytestmark = [needs_tools, pytest.mark.slow, pytest.mark.timeout(400)]


def test_every_block_works(tmp_path: Path) -> None:
    follow(README, tmp_path)
