"""The databases that servers share."""

from __future__ import annotations

from databases import anyio_backend, postgres, where

__all__ = ["anyio_backend", "postgres", "where"]
