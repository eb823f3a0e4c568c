"""What the store of jobs may answer instead of a result, besides what the database does.

StoreError
├── QueueFull             as many jobs wait as may
├── IdempotencyConflict   the key was used for another request
└── RetryRefused          only an interrupted job can be run again
"""

from __future__ import annotations

from modelport.storage.errors import StoreError


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
