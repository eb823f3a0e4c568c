"""Which models a command is to serve by its settings, each with the options that it has for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from modelport.contract.model_options import ModelOptions
from modelport.settings import Settings
from modelport.settings.of_models import check_models
from modelport.sources.presence import check_present
from modelport.sources.source import Source, parse_sources, to_serve

if TYPE_CHECKING:
    from modelport.cli.mlup_config import MlupFile


def sources_to_serve(settings: Settings, mlup: MlupFile | None = None) -> list[Source]:
    """The models to serve. Raises `ModelLoadError`, `SettingsError` for settings of one that is not there."""
    options = mlup.options if mlup is not None else ModelOptions()

    def options_of(model: str) -> ModelOptions:
        own = settings.of(model)
        return structs.replace(options, trust=own.trust, format=own.format or options.format)

    sources = parse_sources(settings.sources, options_of)
    check_models(settings, [source.name for source in sources])
    chosen = to_serve(sources, settings.model_name)
    if settings.sources:
        check_present(chosen)
    return chosen
