"""Units of sizes, and those that also hold where no settings are known."""

from __future__ import annotations

MIB = 1 << 20

# The largest table that is taken, unless settings say otherwise.
TABLE_CELLS = 10_000_000
TABLE_COLUMNS = 100_000
TABLE_ROWS = 1_000_000
TABLE_BYTES = 256 * MIB
