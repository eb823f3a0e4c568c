"""Who sends a request, by the key, the token or the cookie that it carries, and what they may do.

`Authorization: Bearer mpk_…`, or `X-API-Key: mpk_…`; what is no key and comes as `Bearer` is a token, for the
verifiers of the identity, where there are any. Without either, who asks is the user whom a trusted proxy
names; without that the certificate counts by which the client has shaken hands, if the server asks for one.
Answers to who may not come in are those of RFC 6750: 401 to somebody whom the server does not know, 403 to
one who may not do this, both with `WWW-Authenticate`.
Nothing that was sent is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from time import time
from typing import cast

from modelport.api.admission import SAFE_METHODS
from modelport.api.cookies import NOT_OF_A_PAGE, is_of_own_page, session_in
from modelport.api.limiting import Client, origin
from modelport.http.asgi import Scope
from modelport.http.client_certificate import ClientCertificate
from modelport.http.cycle import PROXY_USER
from modelport.identity.key_text import MARK
from modelport.identity.principals import ANYBODY, AccessScope, Principal
from modelport.identity.service import Identity
from modelport.identity.tokens import InvalidToken, VerifierUnavailable
from modelport.problems import Problem
from modelport.storage.errors import StoreError

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"
CREDENTIALS = frozenset({AUTHORIZATION, API_KEY})
OF_PROXY = b"a proxy's user:"  # no field is called so
BEARER = "bearer"
PRINCIPAL = "modelport.principal"  # in the scope of a request that came in
NOBODY = Principal("", "nobody", frozenset())  # where nobody has to say who they are, on a server that asks

CHALLENGE = 'Bearer realm="modelport"'
NO_KEY = (
    "this server answers who has a key; send yours as Authorization: Bearer mpk_…, or as X-API-Key; "
    "users get a token at /v2/token, and send it as Authorization: Bearer"
)
NO_BEARER = "the Authorization header has another scheme than Bearer; send Authorization: Bearer mpk_…"
WRONG_KEY = (
    "the key is not valid: it is mistyped, unknown, revoked or expired; a token is sent as Authorization: "
    "Bearer, never as X-API-Key"
)
NO_HOLDER = (
    "the certificate of this connection has expired, or tls_clients of the server names nobody who holds it; "
    "send a key as Authorization: Bearer mpk_…, or as X-API-Key"
)
LOGGED_OUT = "you are not logged in any more: log in again"
NO_USER = "the proxy before this server names no user, or several"
TOO_MANY_WRONG = "the key or token was not accepted, and too many wrong ones have come from your address"
SEVERAL = "the request carries several keys; send one, as Authorization or as X-API-Key"


def principal_of(scope: Scope) -> Principal:
    """Who sends this request, which has come in by the door."""
    return cast("Principal", scope[PRINCIPAL])


def check(
    principal: Principal, needed: AccessScope, model: str | None = None, *, everywhere: bool = False
) -> None:
    """Raise `Problem` 403, which names what is missing, or 401 for somebody unknown, unless they may do this.

    What is for administrators, and of no model, is for those of all of them, as is what is `everywhere`.
    """
    is_all = everywhere or (model is None and needed is AccessScope.ADMIN)
    if principal.may_everywhere(needed) if is_all else principal.may(needed, model):
        return
    if principal is NOBODY:
        raise unknown(NO_KEY)
    held = "; ".join(map(str, principal.grants))
    wanted = str(needed)
    if model is not None:
        wanted = f"{needed} on the model {model!r}"
    elif is_all:
        wanted = f"{needed} on all models"
    detail = f"{principal.in_words} may not do this: it needs {wanted}, and has {held}"
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
        self.open_answers = identity.open_answers
        self._keys = identity.known
        self.remembered_keys: Mapping[bytes, Principal] = identity.known.remembered  # of which most are
        self._tokens = identity.tokens
        self._holders = identity.holders
        self._pages = identity.pages
        self._proxy_users = identity.proxy_users
        self._wrong = identity.wrong

    def known(self, sent: bytes) -> Principal | None:
        """Who sends this credential, if that was found before and holds: the look-up of the hot path."""
        known = self._keys.remembered.get(sent) or self._tokens.known(sent)
        if known is None and self._proxy_users is not None and sent.startswith(OF_PROXY):
            known = self._proxy_users.find(sent[len(OF_PROXY) :])
        return known

    async def identify(self, scope: Scope, *, runs_model: bool = False) -> Principal:
        """Who sends a request. Raises `Problem` 401 for nobody that is known, 503 if that cannot be told.

        Without a key or a token it is who is logged in by the cookie of a page, where that counts (else 403).
        What `runs_model` is no mere reading, whatever its method is.
        """
        if not self.is_asked:
            return ANYBODY
        found = [(name, value) for name, value in scope["headers"] if name in CREDENTIALS]
        user = scope.get(PROXY_USER)
        if user is not None and not any(map(_is_own, found)):
            return self._of_proxy(user)
        if not found:
            is_reading = scope["method"] in SAFE_METHODS and not runs_model
            return await self._of_page(scope, is_reading=is_reading)
        if len(found) > 1:
            raise unknown(SEVERAL, "invalid_request")
        name, value = found[0]
        sent = as_sent(name, value)
        principal = self.known(sent)
        if principal is None:
            principal = await self._find(name, _credential_in(name, value), sent, origin(scope.get("client")))
        return principal

    def held_by(self, certificate: ClientCertificate) -> Principal | None:
        """Who asks on a connection that was begun with this certificate, as long as it holds."""
        if certificate.ends < time():
            return None
        if certificate.holder is None:
            certificate.holder = self._holders.find(certificate.names)
        return certificate.holder

    def _of_connection(self, scope: Scope) -> Principal:
        """Who sends a request that says it only by its connection."""
        connection = scope.get("extensions", {}).get("modelport")
        certificate: ClientCertificate | None = getattr(connection, "certificate", None)
        if certificate is None:
            raise unknown(NO_KEY)
        principal = self.held_by(certificate)
        if principal is None:
            raise unknown(NO_HOLDER)
        return principal

    async def _of_page(self, scope: Scope, *, is_reading: bool) -> Principal:
        cookie = session_in(scope)
        if cookie is None:
            return self._of_connection(scope)
        if not is_reading and not is_of_own_page(scope):
            raise Problem(403, NOT_OF_A_PAGE)
        known = self._pages.known(cookie)
        if known is not None:
            return known
        where = origin(scope.get("client"))
        self._check_proofs(where)
        try:
            return await self._pages.find(cookie.decode("latin-1"), cookie)
        except InvalidToken:
            self._wrong.note(where)
            raise unknown(LOGGED_OUT) from None
        except StoreError as error:
            raise Problem(503, str(error), [("Retry-After", "1")]) from error

    def _of_proxy(self, user: bytes) -> Principal:
        principal = self.known(OF_PROXY + user)
        if principal is None:
            raise unknown(NO_USER, "invalid_request")
        return principal

    def seconds_to_wait(self, client: Client) -> int:
        """How long wrong ones from there are not answered as usual, in whole seconds; 0 if they are."""
        return ceil(self._wrong.seconds_left(origin(client)))

    def wrong_at(self, sent: bytes, client: Client, wrong_at: int) -> int | None:
        """The state of the keys in which a credential is wrong; `None` if it is not, or if that takes long.

        It is for who is slowed down. `wrong_at` is what this has said before, -1 if it has not.
        """
        state = self._keys.state
        if wrong_at == state:
            return state
        name, _, value = sent.partition(b":")
        try:
            text = _credential_in(name, value) if name in CREDENTIALS else ""
            if self._is_token(name, text):
                return None if self._wrong.has_proofs(origin(client)) else -1
            return state if text and self._keys.find(text, sent) is None else None
        except (Problem, StoreError):
            return None  # as it is answered elsewhere

    def _check_proofs(self, where: str) -> None:
        """Raise `Problem` 429 if no more is looked at now of what costs more than a look-up."""
        if not self._wrong.may_prove(where):
            raise _slow_down(self._wrong.seconds_left(where))

    def _is_token(self, name: bytes, text: str) -> bool:
        return name == AUTHORIZATION and bool(self._tokens.verifiers) and not text.startswith(MARK)

    async def _find(self, name: bytes, text: str, sent: bytes, where: str) -> Principal:
        is_token = self._is_token(name, text)
        wait = self._wrong.seconds_left(where)
        if is_token:
            self._check_proofs(where)
        try:
            principal = await self._tokens.find(text, sent) if is_token else self._keys.find(text, sent)
        except InvalidToken as error:
            self._wrong.note(where)
            if wait:
                raise _slow_down(wait) from None
            raise unknown(f"the token is not valid: {error}", "invalid_token") from None
        except (StoreError, VerifierUnavailable) as error:
            raise Problem(503, str(error), [("Retry-After", "1")]) from error
        if principal is None:
            self._wrong.note(where)
            raise _slow_down(wait) if wait else unknown(WRONG_KEY, "invalid_token")
        return principal


def _slow_down(wait: float) -> Problem:
    return too_many_wrong(max(ceil(wait), 1))


def too_many_wrong(seconds: int) -> Problem:
    """What is answered to wrong credentials from where too many have come from, and who is to wait."""
    return Problem(429, f"{TOO_MANY_WRONG}; wait {seconds} s", [("Retry-After", str(seconds))])


def as_sent(name: bytes, value: bytes) -> bytes:
    """What a credential is remembered by: a key in one field says nothing of the same text in the other."""
    return name + b":" + value


def _is_own(credential: tuple[bytes, bytes]) -> bool:
    """Whether a client has sent this for us, and not a password for the proxy, as `Basic`."""
    name, value = credential
    return name == API_KEY or value.strip()[: len(BEARER)].lower() == BEARER.encode()


def _credential_in(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1").strip()
    if name == API_KEY:
        return text
    scheme, _, credential = text.partition(" ")
    if scheme.lower() != BEARER:
        raise unknown(NO_BEARER, "invalid_request")
    return credential.strip()
