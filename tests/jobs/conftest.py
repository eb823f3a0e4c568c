"""The databases that the tests of jobs run on: each a real one."""

from __future__ import annotations

from databases import anyio_backend, postgres, store, where

__all__ = ["anyio_backend", "postgres", "store", "where"]
