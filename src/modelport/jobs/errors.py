"""What the store of jobs may answer instead of a result.

    StoreError
    ├── StoreUnavailable      it cannot be used now: busy, unreachable, closed
    │   ├── StoreDamaged      the file is no intact database of modelport
    │   ├── StoreReadOnly     it may not be written
    │   └── StoreTooNew       a newer modelport wrote it
    ├── StoreFull             no room is left where it lies
    ├── QueueFull             as many jobs wait as may
    ├── IdempotencyConflict   the key was used for another request
    └── RetryRefused          only an interrupted job can be run again

Each message is a sentence for the person who runs the server or sent the request. `status` is the HTTP
status that fits.
"""

from __future__ import annotations


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


class QueueFull(StoreError):
    """As many jobs wait as may. Nothing of what was asked has happened."""

    status = 429


class IdempotencyConflict(StoreError):
    """The same idempotency key came with another request. The first job is not touched."""

    status = 422

    def __init__(self, key: str, job_id: str):
        super().__init__(
            f"the Idempotency-Key {key!r} was used for another request, which is job {job_id}; "
            "send a new key with a new request"
        )
        self.job_id = job_id


class RetryRefused(StoreError):
    """Only an interrupted job can be run again."""

    status = 409

    def __init__(self, job_id: str, state: str):
        super().__init__(f"job {job_id} is {state}; only an interrupted job can be retried")
