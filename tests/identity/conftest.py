"""The database that servers of these tests share."""

from __future__ import annotations

from databases import postgres

__all__ = ["postgres"]
