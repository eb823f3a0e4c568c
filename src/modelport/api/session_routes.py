"""Logging in and out, and who one is: `/v2/token` for programs, `/v2/login` for the page, `/v2/me`."""

from __future__ import annotations

from time import time

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.cookies import cookie_of, no_cookie
from modelport.api.credentials import principal_of
from modelport.api.endpoints.row import ReadBody
from modelport.api.first_admin_page import form_page, made_page
from modelport.api.resources import users as resources
from modelport.api.small_bodies import FORM, media_type_of
from modelport.api.user_routes import user_body
from modelport.http.asgi import Scope
from modelport.identity.accounts import Accounts, LoggedIn
from modelport.identity.certificate_holders import OF_CERTIFICATES
from modelport.identity.principals import OF_KEYS, Grant, Principal
from modelport.identity.sessions import end_one
from modelport.identity.users import OF_USERS
from modelport.jobs.views import utc
from modelport.problems import Problem

NO_STORE = {"cache-control": "no-store"}
NO_SESSION = "a key or a token of another issuer is no session: there is nothing to log out of"


class SessionRoutes:
    """The handlers, one method a resource."""

    def __init__(self, accounts: Accounts, base_path: str, *, has_page: bool):
        self.accounts = accounts
        self.base_path = base_path
        self.log_in_place = f"{base_path}/ui/models" if has_page else ""

    async def token(self, request: Request, read: ReadBody[resources.TokenRequest]) -> Response:
        """`POST /v2/token`: a token for a password or a refresh token, as OAuth 2.0 has it."""
        asked = await read()
        if asked.scope or asked.client_secret:
            error = "invalid_scope" if asked.scope else "invalid_client"
            raise _refused(400, error, "clients are public, and a token may all that its user may: leave out "
                           "scope and client_secret")  # fmt: skip
        given = asked.username and asked.password if asked.grant_type == "password" else asked.refresh_token
        if not given:
            wanted = "username and password" if asked.grant_type == "password" else "refresh_token"
            raise _refused(400, "invalid_request", f"{asked.grant_type} needs {wanted}")
        try:
            if asked.grant_type == "password":
                made = await self.accounts.log_in(
                    asked.username, asked.password, _address(request.scope), is_page=False
                )
            else:
                made = await self.accounts.go_on(asked.refresh_token)
        except Problem as problem:
            if problem.status != 401:
                raise
            raise _refused(400, "invalid_grant", problem.detail) from None
        return json_response(_token_body(made), NO_STORE)

    async def login(self, request: Request, read: ReadBody[resources.Login]) -> Response:
        """`POST /v2/login`: log a page in, by a cookie."""
        asked = await read()
        made = await self.accounts.log_in(
            asked.username, asked.password, _address(request.scope), is_page=True
        )
        cookie = cookie_of(request.scope, made.token, made.expires_at, self.base_path)
        me = me_body(made.session.user.principal, made.expires_at)
        return json_response(me, {**NO_STORE, "set-cookie": cookie})

    async def logout(self, request: Request) -> Response:
        """`POST /v2/logout`: end the session that the request is sent in."""
        by = principal_of(request.scope)
        if not by.session:
            raise Problem(409, NO_SESSION)
        await end_one(self.accounts.database, by.session, by)
        return Response(status_code=204, headers={"set-cookie": no_cookie(request.scope, self.base_path)})

    async def me(self, request: Request) -> Response:
        """`GET /v2/me`: who asks, and what they may do."""
        by = principal_of(request.scope)
        return json_response(me_body(by, by.expires_at), NO_STORE)

    async def change_password(self, request: Request, read: ReadBody[resources.PasswordChange]) -> Response:
        """`POST /v2/me/password`: another password for oneself, by the old one."""
        asked, by = await read(), principal_of(request.scope)
        if not by.id.startswith(OF_USERS):
            raise Problem(409, "who asks is no user of this server, and has no password")
        await self.accounts.change_password(by, asked.old, asked.new, _address(request.scope))
        return Response(status_code=204, headers={"set-cookie": no_cookie(request.scope, self.base_path)})

    async def setup_page(self, request: Request) -> Response:
        """`GET /v2/setup`: the form that the first link leads to."""
        return form_page(self.log_in_place)

    async def setup(self, request: Request, read: ReadBody[resources.FirstAdmin]) -> Response:
        """`POST /v2/setup`: make the first administrator, by the token of the link."""
        is_form = media_type_of(request) == FORM
        try:
            asked = await read()
            user = await self.accounts.create_first(asked.token, asked.username, asked.password)
        except Problem as problem:
            if not is_form:
                raise
            return form_page(self.log_in_place, problem)
        return (
            made_page(self.log_in_place, user.name) if is_form else json_response(user_body(user), status=201)
        )


def me_body(who: Principal, expires_at: float | None) -> resources.Me:
    """Somebody as they see themselves."""
    first, *others = [_grant_body(grant) for grant in who.grants]
    kinds = {OF_USERS: "user", OF_KEYS: "key", OF_CERTIFICATES: "certificate"}
    kind = next((kind for begin, kind in kinds.items() if who.id.startswith(begin)), "token")
    return resources.Me(
        id=who.id,
        name=who.name,
        kind=kind if who.id else "anybody",  # pyright: ignore[reportArgumentType] - of those
        scopes=first.scopes,
        models=first.models,
        others=others,
        expires_at=utc(expires_at),
    )


def _grant_body(grant: Grant) -> resources.Grant:
    return resources.Grant(
        scopes=sorted(scope.value for scope in grant.scopes),  # pyright: ignore[reportArgumentType] - those granted
        models=None if grant.models is None else sorted(grant.models),
    )


def _token_body(made: LoggedIn) -> resources.Token:
    scopes = " ".join(sorted(made.session.user.principal.scopes))
    return resources.Token(made.token, "Bearer", max(int(made.expires_at - time()), 1), made.refresh, scopes)


def _refused(status: int, error: str, detail: str) -> Problem:
    """A refusal in the words of RFC 6749, 5.2, beside ours."""
    extra = {"error": error, "error_description": detail}
    return Problem(status, detail, NO_STORE.items(), extra=extra)


def _address(scope: Scope) -> str:
    """Where a request comes from; empty for a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""
