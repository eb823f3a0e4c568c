"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from modelport.identity.quotas import OwnQuotas


class AccessScope(StrEnum):
    """What somebody must be allowed to do who asks. Who asks whether the server lives needs no leave."""

    OPEN = "open"
    PREDICT = "predict"
    TRAIN = "train"
    READ = "read"
    PROMOTE = "promote"
    ADMIN = "admin"


GRANTED = tuple(scope for scope in AccessScope if scope is not AccessScope.OPEN)  # those that a key can have
OF_KEYS = "key:"  # begins the id of who asks with a key


class Grant(NamedTuple):
    """Scopes with some models, with all if these are `None`. ADMIN is every scope."""

    scopes: frozenset[AccessScope]
    models: frozenset[str] | None = None

    def has(self, scope: AccessScope, model: str | None) -> bool:
        """Whether it lets somebody do this with the model; without one, with any at all."""
        if scope not in self.scopes and AccessScope.ADMIN not in self.scopes:
            return False
        return model is None or self.models is None or model in self.models

    def __str__(self) -> str:
        if not self.scopes:
            return "nothing"
        scopes = ", ".join(sorted(self.scopes))
        if self.models is None:
            return f"{scopes} on all models"
        return f"{scopes} on the models {', '.join(sorted(self.models))}"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks: `id` is what they are called where it counts who has asked, `name` in words.

    They may do what `scopes` say with `models`, which are all models if that is `None`, and what `others`
    say, each for itself.
    What they have shown holds until `expires_at` (seconds of the epoch): it is the `key` with this id, or a
    token of the `session` where they are logged in. What they may use is what the settings say, where they
    have no `quotas` of their own.
    """

    id: str
    name: str
    scopes: frozenset[AccessScope]
    models: frozenset[str] | None = None
    others: tuple[Grant, ...] = ()
    expires_at: float | None = None
    session: str = ""
    key: str = ""
    quotas: OwnQuotas | None = None

    @property
    def in_words(self) -> str:
        """What they are called in an answer to themselves."""
        return f"the key {self.name!r}" if self.id.startswith(OF_KEYS) else repr(self.name)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """All that they may do."""
        return (Grant(self.scopes, self.models), *self.others)

    def may(self, scope: AccessScope, model: str | None = None) -> bool:
        """Whether they may do this with the model; without one, whether with any at all."""
        if scope is AccessScope.OPEN:
            return True
        has_scope = scope in self.scopes or AccessScope.ADMIN in self.scopes
        if has_scope and (model is None or self.models is None or model in self.models):
            return True
        return bool(self.others) and any(grant.has(scope, model) for grant in self.others)

    def may_everywhere(self, scope: AccessScope) -> bool:
        """Whether they may do this with every model, and so with what belongs to none."""
        return any(grant.models is None and grant.has(scope, None) for grant in self.grants)


# Where nobody has to say who they are: whoever reaches the server may use it.
ANYBODY = Principal("", "anybody", frozenset(GRANTED))
