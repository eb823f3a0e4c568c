"""What somebody may use: requests in a time, calls at once, jobs that wait, bytes a day."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

from modelport.problems import Problem
from modelport.settings import Settings
from modelport.settings.declaring import MOST
from modelport.settings.written import Rate, rate_of, size_of


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnQuotas:
    """What somebody may use by themselves: `None` is what the settings say of everybody, 0 is no limit."""

    rate: str | None = None
    calls_at_once: int | None = None
    queued_jobs: int | None = None
    bytes_per_day: int | None = None


class Quotas(NamedTuple):
    """What somebody may use; 0 and `None` are no limit."""

    rate: Rate | None = None
    calls_at_once: int = 0
    queued_jobs: int = 0
    bytes_per_day: int = 0

    @classmethod
    def of_all(cls, settings: Settings) -> Quotas:
        """What the settings say."""
        return cls(
            rate_of(settings.rate) if settings.rate else None,
            settings.max_calls_at_once,
            settings.max_queued_jobs_per_principal,
            size_of(settings.bytes_per_day) if settings.bytes_per_day else 0,
        )

    def of(self, own: OwnQuotas | None) -> Quotas:
        """What somebody may use who has these of their own."""
        if own is None:
            return self
        return Quotas(
            self.rate if own.rate is None else rate_of(own.rate),
            self.calls_at_once if own.calls_at_once is None else own.calls_at_once,
            self.queued_jobs if own.queued_jobs is None else own.queued_jobs,
            self.bytes_per_day if own.bytes_per_day is None else own.bytes_per_day,
        )


def check_quotas(quotas: OwnQuotas) -> None:
    """Raise `Problem` 422 for what is no quota."""
    try:
        rate_of(quotas.rate or "0")
    except ValueError as error:
        raise Problem(422, f"rate: {error}, and 0 for no limit") from None
    numbers = {name: one for name, one in asdict(quotas).items() if isinstance(one, int)}
    wrong = next((name for name, number in numbers.items() if not 0 <= number <= MOST), None)
    if wrong is not None:
        raise Problem(422, f"{wrong}: a number of 0 or more, and 0 for no limit")
