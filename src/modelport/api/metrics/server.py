"""What is told of HTTP, of the memory of bodies, of the spool folder and of the database."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from modelport.http.server import HttpServer
from modelport.storage.service import Storage
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.slow import SlowReading
from modelport.telemetry.metrics.text import Page

SPOOL_SECONDS = 5.0
MOST_FILES = 10_000  # of the spool folder, that are looked at


def watch_http(metrics: Metrics, server: HttpServer) -> None:
    """Have the connections of a server shown, and what it has refused."""

    def show(page: Page) -> None:
        seen = server.seen
        page.add(of.CONNECTIONS, (), seen.connections)
        page.add(of.ACCEPTED, (), seen.accepted)
        for code, count in sorted(seen.refused.items()):
            page.add(of.REFUSED, (str(code),), count)

    metrics.sources.append(show)


def watch_bodies(metrics: Metrics) -> None:
    """Have it shown how much bodies take, in all applications over the same models."""
    metrics.sources.append(lambda page: page.add(of.BODY_MEMORY, (), sum(one.held for one in metrics.bodies)))


def watch_spool(metrics: Metrics, folder: Path) -> None:
    """Have it shown how much lies in the spool folder."""
    size = SlowReading("spool", SPOOL_SECONDS, lambda: asyncio.to_thread(_size_of, folder))

    def show(page: Page) -> None:
        if size.value is not None:
            page.add(of.SPOOL, (), size.value)

    metrics.slow.append(size)
    metrics.sources.append(show)


def _size_of(folder: Path) -> int:
    size = seen = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                size += (Path(parent) / name).stat().st_size
            except OSError:
                continue  # its request is over
        seen += len(files)
        if seen > MOST_FILES:
            break
    return size


def watch_database(metrics: Metrics, storage: Storage) -> None:
    """Have the writing to the database shown."""

    def show(page: Page) -> None:
        page.add(of.DATABASE_UP, (), int(not storage.unavailable))
        if storage.unavailable:
            return
        writer = storage.database.writer
        page.add(of.DATABASE_QUEUE, (), writer.waiting)
        page.add(of.DATABASE_WRITES, ("committed",), writer.committed)
        page.add(of.DATABASE_WRITES, ("failed",), writer.failed)
        page.histogram(of.DATABASE_COMMITS, (), writer.commits)

    metrics.sources.append(show)
