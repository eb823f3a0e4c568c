"""The local engine: every model's workers as supervised processes of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.engine.local.engine import LocalEngine
from modelport.engine.local.worker_process import launch_job as launch_job
from modelport.engine.ports import Engine
from modelport.settings import Settings
from modelport.sources.source import Source


def make_engine(sources: Sequence[Source], settings: Settings) -> Engine:
    """An engine that places every worker on this machine. Needs no running event loop yet."""
    return LocalEngine(sources, settings)
