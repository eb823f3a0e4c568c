"""What the database may answer instead of a result.

    StoreError
    ├── StoreUnavailable      it cannot be used now: busy, unreachable, closed
    │   ├── StoreDamaged      the file is no intact database of modelport
    │   ├── StoreReadOnly     it may not be written
    │   └── StoreTooNew       a newer modelport wrote it
    └── StoreFull             no room is left where it lies

Those that jobs add are in `modelport.jobs.errors`. Each message is a sentence for the person who runs the
server or sent the request. `status` is the HTTP status that fits.
"""

from __future__ import annotations

NO_ANSWER = "the database does not answer"  # what a wait that was too long is called


class StoreError(Exception):
    """Anything that the store says instead of a result."""

    status = 500


class StoreUnavailable(StoreError):
    """The store cannot be used now. What was asked may or may not have happened; asking again is right."""

    status = 503


class StoreDamaged(StoreUnavailable):
    """The file is no intact database of modelport. It is never repaired or replaced without being told."""


class StoreReadOnly(StoreUnavailable):
    """The database may be read but not written."""


class StoreTooNew(StoreUnavailable):
    """The database was written by a newer modelport than this one."""


class StoreFull(StoreError):
    """No room is left where the database lies. Nothing of what was asked has happened."""

    status = 507
