"""Who sends a request, by the key that it carries, and what they may do.

`Authorization: Bearer mpk_…`, or `X-API-Key: mpk_…`. Answers to who may not come in are those of RFC 6750:
401 to somebody whom the server does not know, 403 to one who may not do this, both with `WWW-Authenticate`.
Nothing that was sent is repeated.
"""

from __future__ import annotations

from typing import cast

from modelport.http.asgi import Scope
from modelport.identity.principals import ANYBODY, AccessScope, Principal
from modelport.identity.service import Identity
from modelport.problems import Problem
from modelport.storage.errors import StoreUnavailable

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"
CREDENTIALS = frozenset({AUTHORIZATION, API_KEY})
BEARER = "bearer"
PRINCIPAL = "modelport.principal"  # in the scope of a request that came in
NOBODY = Principal("", "nobody", frozenset())  # where nobody has to say who they are, on a server that asks

CHALLENGE = 'Bearer realm="modelport"'
NO_KEY = "this server answers who has a key; send yours as Authorization: Bearer mpk_…, or as X-API-Key"
NO_BEARER = "the Authorization header has another scheme than Bearer; send Authorization: Bearer mpk_…"
WRONG_KEY = "the key is not valid: it is mistyped, unknown, revoked or expired"
SEVERAL = "the request carries several keys; send one, as Authorization or as X-API-Key"


def principal_of(scope: Scope) -> Principal:
    """Who sends this request, which has come in by the door."""
    return cast("Principal", scope[PRINCIPAL])


def check(principal: Principal, needed: AccessScope, model: str | None = None) -> None:
    """Raise `Problem` 403, which names what is missing, or 401 for somebody unknown, unless they may do this.

    What is for administrators, and of no model, is for those of all of them.
    """
    is_all = model is None and needed is AccessScope.ADMIN
    if principal.may_everywhere(needed) if is_all else principal.may(needed, model):
        return
    if principal is NOBODY:
        raise unknown(NO_KEY)
    held = ", ".join(sorted(principal.scopes))
    of_models = "all models"
    if principal.models is not None:
        of_models = f"the models {', '.join(sorted(principal.models))}"
    wanted = str(needed)
    if model is not None:
        wanted = f"{needed} on the model {model!r}"
    elif is_all:
        wanted = f"{needed} on all models"
    detail = f"the key {principal.name!r} may not do this: it needs {wanted}, and has {held} on {of_models}"
    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{needed}"'
    raise Problem(403, detail, [("WWW-Authenticate", challenge)])


def unknown(detail: str, error: str = "") -> Problem:
    """401: who asks must say who they are."""
    challenge = f'{CHALLENGE}, error="{error}"' if error else CHALLENGE
    return Problem(401, detail, [("WWW-Authenticate", challenge)])


class Credentials:
    """Knows who sends requests. One for the application; `is_asked` tells whether anybody is asked."""

    def __init__(self, identity: Identity):
        self.is_asked = identity.is_on
        self._known = identity.known

    def known(self, sent: bytes) -> Principal | None:
        """Who sends this credential, if that was found before and holds: the look-up of the hot path."""
        return self._known.remembered.get(sent)

    def identify(self, scope: Scope) -> Principal:
        """Who sends a request. Raises `Problem` 401 for nobody that is known, 503 if that cannot be told."""
        if not self.is_asked:
            return ANYBODY
        found = [(name, value) for name, value in scope["headers"] if name in CREDENTIALS]
        if not found:
            raise unknown(NO_KEY)
        if len(found) > 1:
            raise unknown(SEVERAL, "invalid_request")
        name, value = found[0]
        sent = as_sent(name, value)
        principal = self.known(sent)
        if principal is None:
            principal = self._find(_key_in(name, value), sent)
        return principal

    def _find(self, key: str, sent: bytes) -> Principal:
        try:
            principal = self._known.find(key, sent)
        except StoreUnavailable as error:
            raise Problem(503, str(error), [("Retry-After", "1")]) from error
        if principal is None:
            raise unknown(WRONG_KEY, "invalid_token")
        return principal


def as_sent(name: bytes, value: bytes) -> bytes:
    """What a credential is remembered by: a key in one field says nothing of the same text in the other."""
    return name + b":" + value


def _key_in(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1").strip()
    if name == API_KEY:
        return text
    scheme, _, key = text.partition(" ")
    if scheme.lower() != BEARER:
        raise unknown(NO_BEARER, "invalid_request")
    return key.strip()
