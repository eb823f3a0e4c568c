"""Whose jobs they are: who has asked for one sees it and may end it, whatever else they may do.

Others see it who may read everything, and end it who are administrators. To have it run again needs, beside
that, what it has needed the first time: the scope may have been taken from them since.
"""

from __future__ import annotations

from modelport.api.credentials import check
from modelport.identity.principals import AccessScope, Principal
from modelport.jobs.records import Job


def is_seen(requested_by: str, by: Principal) -> bool:
    """Whether a job of this one is there for somebody. To others there is none, as they are told."""
    return requested_by == by.id or by.may_everywhere(AccessScope.READ)


def whose(by: Principal) -> str | None:
    """The one whose jobs alone somebody sees; `None` for who sees all of them."""
    return None if by.may_everywhere(AccessScope.READ) else by.id


def check_change(job: Job, by: Principal) -> None:
    """Raise `Problem` 403 unless somebody may end this job."""
    if job.requested_by != by.id:
        check(by, AccessScope.ADMIN)


def check_retry(job: Job, by: Principal) -> None:
    """Raise `Problem` 403 unless somebody may have this job run again."""
    check_change(job, by)
    check(by, AccessScope.PREDICT if job.kind == "predict" else AccessScope.TRAIN, job.model)
