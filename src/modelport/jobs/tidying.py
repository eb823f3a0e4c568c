"""Removing what crashes left in the data folder: uploads of jobs that never were, inputs of ended ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from modelport.jobs.folders import JobFolders
from modelport.jobs.presence import Presence
from modelport.jobs.states import TERMINAL
from modelport.jobs.store import JobStore

log = logging.getLogger("modelport.jobs")

CHUNK = 500  # jobs that are asked for at once


async def tidy(store: JobStore, folders: JobFolders, presence: Presence) -> None:
    """Remove what is nobody's. Files that a living server writes now are not touched."""
    for folder, begun in await asyncio.to_thread(presence.left_uploads):
        for chunk in _chunks(begun):
            known = await store.states(chunk)
            for job_id in chunk:
                if job_id not in known:  # its server was gone before the job was stored
                    await asyncio.to_thread(folders.remove, job_id)
                    log.info("removed the upload of %s, which was never complete", job_id)
        await asyncio.to_thread(presence.forget, folder, begun)
    for chunk in _chunks(await asyncio.to_thread(folders.with_inputs)):
        known = await store.states(chunk)
        for job_id, state in known.items():
            if state in TERMINAL:
                await asyncio.to_thread(folders.drop_inputs, job_id)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
