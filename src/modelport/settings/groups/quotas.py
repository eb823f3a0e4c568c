"""What each who asks may use, and what is kept of what they have used."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.named_limits import rows_of, wrong_limits
from modelport.settings.values import wrong_duration, wrong_rate, wrong_size


@dataclass(frozen=True, kw_only=True)
class QuotaSettings:
    """What each who asks may use, and what is kept of what they have used.

    A key may have its own for the first four, and `limits` have those of others. Where nobody has to say who
    they are, all are one who asks.
    """

    rate: str | None = setting(
        None,
        "requests that each who asks may make, such as 100/m, 10/s or 5000/h; more are answered 429",
        heading="Limits of who asks",
        wrong=wrong_rate,
    )
    max_calls_at_once: int = setting(
        0, "calls of models that each who asks may have under way; more are answered 429; 0 for any number"
    )
    max_queued_jobs_per_principal: int = setting(
        0, "jobs of each who asks that may wait to be run; more are answered 429; 0 for any number"
    )
    bytes_per_day: str | None = setting(
        None,
        "bytes of bodies, sent and answered, of each who asks in a day (UTC), such as 10G; then 429",
        wrong=wrong_size,
    )
    limits: dict[str, str] = setting(
        {},
        "of the four limits above those that some have otherwise, such as role:user=rate 100/m "
        "max_calls_at_once 4; who is role:ROLE, user:NAME, oidc:SUBJECT, certificate:NAME or proxy:NAME",
        wrong=wrong_limits,
        names_have_equals=True,
        rows_of=rows_of,
    )
    rate_per_address: str | None = setting(
        None,
        "requests from one address (or IPv6 /64), such as 1000/m, whoever asks; more are answered 429",
        wrong=wrong_rate,
    )
    max_wrong_credentials: int = setting(
        100,
        "wrong keys and tokens from one address (or IPv6 /64) that are answered 401; then 429, for a while "
        "that grows up to a minute; keys that are right go on; 0 for any number",
    )
    keep_usage: str = setting(
        "400d", "with auth on: how long it is kept who has used what; 0 keeps it", wrong=wrong_duration
    )
