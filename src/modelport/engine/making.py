"""Which engine a server has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelport.engine.local.engine import LocalEngine
from modelport.engine.ports import Engine
from modelport.engine.worker_place import Places
from modelport.settings import Settings
from modelport.settings.groups.ray import EngineKind
from modelport.sources.source import Source


def make_engine(sources: Sequence[Source], settings: Settings) -> Engine:
    """An engine that places workers where the settings say. Needs no running event loop yet."""
    if settings.engine == EngineKind.LOCAL:
        return LocalEngine(sources, settings)

    def ray_places(spool: Path) -> Places:
        from modelport.engine.ray.places import RayPlaces  # only where it is wanted

        return RayPlaces(spool, settings)

    return LocalEngine(sources, settings, ray_places)
