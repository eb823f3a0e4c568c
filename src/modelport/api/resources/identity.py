"""What the resources of keys and of the audit take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelport.api.resources.described import Cursor, PrincipalName, words
from modelport.jobs.views import Time
from modelport.settings.declaring import MOST

GrantedScope = Literal["predict", "train", "read", "promote", "admin"]
Ends = Annotated[str | None, words("A duration such as 90d, from now; null for a key without an end")]


Count = Annotated[int, Meta(ge=0, le=MOST)]


class Quotas(msgspec.Struct, forbid_unknown_fields=True):
    """What a key may use, where that is not what the server's settings say; 0 is no limit."""

    rate: Annotated[str | None, words("Requests, such as 100/m, 10/s, 5000/h; null for the setting rate")] = (
        None
    )
    calls_at_once: Annotated[
        Count | None, words("Calls of models under way; null for the setting max_calls_at_once")
    ] = None
    queued_jobs: Annotated[
        Count | None, words("Jobs that wait; null for the setting max_queued_jobs_per_principal")
    ] = None
    bytes_per_day: Annotated[
        Count | None, words("Bytes of bodies in a day (UTC); null for the setting bytes_per_day")
    ] = None


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key that is asked for."""

    name: Annotated[str, words("What it is for")]
    scopes: list[GrantedScope]
    models: Annotated[list[str] | None, words("The models that it is for; null for all")] = None
    expires: Ends = None
    quotas: Quotas | None = None


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """How a key is replaced."""

    grace: Annotated[str, words("How long the old one can be used still, such as 1h")] = "24h"


class Key(msgspec.Struct):
    """A key, as anybody may see it who may see keys."""

    id: str
    subject: Annotated[str, words("What jobs and the audit call who asks; a key in its place keeps it")]
    name: str
    prefix: Annotated[str, words("How the key begins")]
    scopes: list[GrantedScope]
    models: Annotated[list[str] | None, words("The models that it is for; null for all")]
    state: Literal["usable", "expired", "revoked"]
    created_at: Time
    created_by: str
    expires_at: Time
    revoked_at: Time
    last_used_at: Time
    quotas: Quotas


class MadeKey(msgspec.Struct):
    """A key that was just made, with the key itself, which nobody can have again."""

    key: Annotated[str, words("The key itself: it is shown this once")]
    about: Key


class Keys(msgspec.Struct):
    keys: list[Key]


class AuditRecord(msgspec.Struct):
    """Something that was done."""

    number: Annotated[int, Meta(ge=1)]
    at: Time
    principal: Annotated[str, words("Who has done it; empty for a command on the data folder itself")]
    name: PrincipalName
    action: str
    target: str
    details: dict[str, Any]


class AuditPage(msgspec.Struct):
    records: list[AuditRecord]
    next_cursor: Cursor
