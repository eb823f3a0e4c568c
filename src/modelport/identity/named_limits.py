"""The limits of those whom the settings name: a role, a user, a subject of the issuer, a certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from modelport.identity.quotas import OwnQuotas
from modelport.settings.grants import EVERYBODY
from modelport.settings.named_limits import (
    BYTES,
    CALLS,
    JOBS,
    RATE,
    ROLE,
    USER,
    Limited,
    folded,
    limited_of,
    limits_of,
)
from modelport.settings.written import size_of


class NamedLimits:
    """Finds what somebody may use by what they are called. Raises `ValueError` for what is no such table."""

    def __init__(self, table: Mapping[str, str]):
        self._rows = {limited_of(name): _quotas_of(limits_of(text)) for name, text in table.items()}
        self._found: dict[tuple[Limited, ...], OwnQuotas] = {}  # the same for the same, to be told quickly

    def of_user(self, name: str, role: str) -> OwnQuotas | None:
        """That of a user; what is said of the user counts before what is said of the role."""
        return self._first(Limited(USER, folded(name)), Limited(ROLE, role))

    def of_subject(self, kind: str, name: str) -> OwnQuotas | None:
        """That of somebody else; what is said of them counts before what is said of all of their kind."""
        return self._first(Limited(kind, name), Limited(kind, EVERYBODY))

    def _first(self, *names: Limited) -> OwnQuotas | None:
        known = tuple(one for one in names if one in self._rows)
        if not known:
            return None
        found = self._found.get(known)
        if found is None:
            rows = [self._rows[one] for one in known]
            found = self._found[known] = rows[0] if len(rows) == 1 else _over(rows[0], rows[1])
        return found


def _over(first: OwnQuotas, later: OwnQuotas) -> OwnQuotas:
    """Each limit of the first, and of the later what the first does not say."""
    names = [one.name for one in fields(OwnQuotas)]
    return OwnQuotas(
        **{
            name: getattr(later, name) if getattr(first, name) is None else getattr(first, name)
            for name in names
        }
    )


def _quotas_of(limits: Mapping[str, str]) -> OwnQuotas:
    calls, jobs, size = limits.get(CALLS), limits.get(JOBS), limits.get(BYTES)
    return OwnQuotas(
        rate=limits.get(RATE),
        calls_at_once=None if calls is None else int(calls),
        queued_jobs=None if jobs is None else int(jobs),
        bytes_per_day=None if size is None else size_of(size),
    )
