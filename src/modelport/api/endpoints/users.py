"""Who may log in, logging in and out, and who one is."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data, with_body
from modelport.api.endpoints.statuses import CHANGED, SENT, STORED
from modelport.api.resources.users import (
    FirstAdmin,
    Login,
    LoginWays,
    Me,
    NewUser,
    PasswordChange,
    Token,
    TokenRequest,
    User,
    UserChange,
    Users,
)

ADMIN, OPEN = AccessScope.ADMIN, AccessScope.OPEN
TAG = "identity"
USER = "/v2/users/{user}"
TRIED = (429, 503, 507, *SENT)  # a password

SETUP_PAGE = Endpoint("GET", "/v2/setup", lambda on: on.sessions.setup_page, OPEN)
USERS = (
    Endpoint(
        "GET", "/v2/users", lambda on: on.users.list, ADMIN,
        TAG, "users", "List users", {200: data("Every user, by name", Users)}, STORED,
    ),
    Endpoint(
        "POST", "/v2/users", with_body(NewUser, lambda on: on.users.create), ADMIN,
        TAG, "create_user", "Make a user", {201: data("The user", User)}, (*CHANGED, *SENT, 409),
    ),
    Endpoint(
        "GET", USER, lambda on: on.users.one, ADMIN,
        TAG, "user", "A user", {200: data("The user", User)}, STORED, parameters=(of.USER,),
    ),
    Endpoint(
        "PATCH", USER, with_body(UserChange, lambda on: on.users.change), ADMIN,
        TAG, "change_user", "Change a user: role, models, password, or whether they may come in",
        {200: data("The user, all of whose sessions have ended", User)}, (*CHANGED, *SENT, 409),
        parameters=(of.USER,),
    ),
    Endpoint(
        "DELETE", USER, lambda on: on.users.delete, ADMIN,
        TAG, "delete_user", "Remove a user", {200: data("The user", User)}, (*CHANGED, 409),
        parameters=(of.USER,),
    ),
    Endpoint(
        "POST", "/v2/token", with_body(TokenRequest, lambda on: on.sessions.token, form=True), OPEN,
        TAG, "token", "A token for a password, or for a refresh token",
        {200: data("The token, and what it is renewed with", Token)}, TRIED,
    ),
    Endpoint(
        "GET", "/v2/login", lambda on: on.oidc.ways, OPEN,
        TAG, "login_ways", "How people log in here", {200: data("The ways", LoginWays)},
    ),
    Endpoint(
        "POST", "/v2/login", with_body(Login, lambda on: on.sessions.login, form=True), OPEN,
        TAG, "login", "Log a page in, by a cookie", {200: data("Who is logged in", Me)}, (401, *TRIED),
    ),
    Endpoint(
        "POST", "/v2/logout", lambda on: on.sessions.logout, AccessScope.READ,
        TAG, "logout", "End the session that this is sent in", {204: Answer("It has ended")},
        (409, 503, 507), owned=True, is_unlimited=True,
    ),
    Endpoint(
        "GET", "/v2/me", lambda on: on.sessions.me, AccessScope.READ,
        TAG, "me", "Who asks, and what they may do", {200: data("Who asks", Me)}, owned=True,
    ),
    Endpoint(
        "POST", "/v2/me/password", with_body(PasswordChange, lambda on: on.sessions.change_password),
        AccessScope.READ, TAG, "change_password", "Another password for oneself, by the old one",
        {204: Answer("It is changed, and every session of theirs has ended")}, (403, 404, 409, *TRIED),
        owned=True,
    ),
    SETUP_PAGE,
    # Works once, as docs/identity.md shows it; a form is answered by the page, with its errors.
    Endpoint("POST", SETUP_PAGE.path, with_body(FirstAdmin, lambda on: on.sessions.setup, form=True), OPEN),
)  # fmt: skip
