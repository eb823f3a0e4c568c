"""What settings grant, as principals have it."""

from __future__ import annotations

from collections.abc import Iterable

from modelport.identity.principals import AccessScope, Grant, Principal
from modelport.identity.quotas import OwnQuotas
from modelport.settings.grants import Granted


def merged(granted: Iterable[Granted]) -> list[Grant]:
    """Each set of models once, with all scopes that are granted with it."""
    found: dict[frozenset[str] | None, frozenset[AccessScope]] = {}
    for one in granted:
        models = None if one.models is None else frozenset(one.models)
        scopes = frozenset(AccessScope(scope) for scope in one.scopes)
        found[models] = found.get(models, frozenset()) | scopes
    return [Grant(found[models], models) for models in sorted(found, key=lambda one: one is not None)]


def principal_with(
    principal_id: str, name: str, grants: list[Grant], quotas: OwnQuotas | None = None
) -> Principal:
    """Somebody who may do what these grant."""
    first = grants[0] if grants else Grant(frozenset())
    return Principal(principal_id, name, first.scopes, first.models, tuple(grants[1:]), quotas=quotas)
