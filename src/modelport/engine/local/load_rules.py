"""What a process that serves a model is told to load, and how it has to answer."""

from __future__ import annotations

from msgspec import structs

from modelport.contract.model_options import ModelOptions
from modelport.engine.spool import Spool
from modelport.guards.table_limits import TableLimits
from modelport.settings import Settings
from modelport.sources.source import Source
from modelport.worker.frames import Load


def rules_of(source: Source, settings: Settings, spool: Spool) -> Load:
    """What a process that serves this source has to load, and how it has to answer."""
    return Load(
        name=source.name,
        kind=source.kind,
        target=source.target,
        attribute=source.attribute,
        spool=str(spool.root),
        warm=settings.warm,
        stringify=settings.stringify_predictions,
        allow_nan=settings.allow_nan,
        allow_url_inputs=settings.allow_url_inputs,
        max_url_bytes=settings.client_max_size or (1 << 40),
        json_depth=settings.json_depth,
        options=_options(source.options, settings),
        hide_errors=settings.hide_model_errors,
        max_rows=settings.throttling_max_request_len or 0,
        saved=source.saved,
        watched=settings.reload,
        has_others=True,
        tables=TableLimits(
            cells=settings.max_table_cells,
            columns=settings.max_table_columns,
            rows=settings.max_table_rows,
            size=settings.max_table_bytes,
        ),
    )


def _options(options: ModelOptions, settings: Settings) -> ModelOptions:
    """The options of a source, with what the settings say of its calls."""
    waits = options.max_wait_ms if settings.max_wait_ms is None else settings.max_wait_ms
    return structs.replace(
        options,
        max_concurrency=settings.max_concurrency or options.max_concurrency,
        max_batch_size=settings.max_batch_size or options.max_batch_size,
        max_wait_ms=waits,
    )
