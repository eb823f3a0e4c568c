"""What users may do, by their role: on the models that each of them is for, or on all."""

from __future__ import annotations

from enum import StrEnum

from modelport.identity.principals import AccessScope


class Role(StrEnum):
    """What somebody is to a server."""

    ADMIN = "admin"
    DEVELOPER = "developer"
    USER = "user"


SCOPES: dict[Role, frozenset[AccessScope]] = {
    Role.ADMIN: frozenset({AccessScope.ADMIN}),
    Role.DEVELOPER: frozenset(
        {AccessScope.PREDICT, AccessScope.TRAIN, AccessScope.READ, AccessScope.PROMOTE}
    ),
    Role.USER: frozenset({AccessScope.PREDICT, AccessScope.READ}),
}
