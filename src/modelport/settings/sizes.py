"""Units of sizes."""

from __future__ import annotations

MIB = 1 << 20
