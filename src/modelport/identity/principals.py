"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks: `id` is what they are called where it counts who has asked, `name` in words.

    They may do what `scopes` say with `models`, which are all models if that is `None`. ADMIN is every scope.
    """

    id: str
    name: str
    scopes: frozenset[AccessScope]
    models: frozenset[str] | None = None

    @property
    def in_words(self) -> str:
        """What they are called in an answer to themselves."""
        return f"the key {self.name!r}" if self.id.startswith(OF_KEYS) else repr(self.name)

    def may(self, scope: AccessScope, model: str | None = None) -> bool:
        """Whether they may do this with the model; without one, whether with any at all."""
        if scope is AccessScope.OPEN:
            return True
        if scope not in self.scopes and AccessScope.ADMIN not in self.scopes:
            return False
        return model is None or self.models is None or model in self.models

    def may_everywhere(self, scope: AccessScope) -> bool:
        """Whether they may do this with every model, and so with what belongs to none."""
        return self.models is None and self.may(scope)


# Where nobody has to say who they are: whoever reaches the server may use it.
ANYBODY = Principal("", "anybody", frozenset(GRANTED))
