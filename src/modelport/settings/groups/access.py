"""Who may ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of


class Auth(StrEnum):
    """Whether who asks must say who they are."""

    OFF = "off"
    ON = "on"


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may ask."""

    auth: str | None = setting(
        None,
        "on: who asks needs a key (modelport keys), or logs in (modelport users); off: whoever reaches the "
        "server may use it, which must be said aloud to listen elsewhere than on this machine",
        choices=words_of(Auth),
        normal=str.lower,
        heading="Who may ask",
    )
    open_documents: bool = setting(False, "with auth on: show the API documents to anybody")
    open_metrics: bool = setting(False, "with auth on: show /metrics to anybody")
