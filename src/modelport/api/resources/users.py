"""What the resources of users, and of being logged in, take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from modelport.api.resources.described import words
from modelport.api.resources.identity import GrantedScope
from modelport.jobs.views import Time

RoleName = Literal["admin", "developer", "user"]
Models = Annotated[list[str] | None, words("The models that they are for; null for all")]
NewPassword = Annotated[str | None, words("10 characters at least; null for one who cannot log in with one")]


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user that is asked for."""

    name: Annotated[str, words("What they are called, and log in with")]
    role: RoleName = "user"
    models: Models = None
    password: NewPassword = None


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """What of a user is to be another; what is left out stays. It ends every session of theirs."""

    role: RoleName | msgspec.UnsetType = msgspec.UNSET
    models: Annotated[
        list[str] | msgspec.UnsetType | None, words("The models that they are for; null for all")
    ] = msgspec.UNSET
    password: Annotated[str | msgspec.UnsetType, words("10 characters at least")] = msgspec.UNSET
    disabled: Annotated[bool | msgspec.UnsetType, words("Whether they may come in no more")] = msgspec.UNSET


class User(msgspec.Struct):
    """A user, as anybody may see them who may see users."""

    id: str
    subject: Annotated[str, words("What jobs and the audit call who asks")]
    name: str
    role: RoleName
    models: Models
    state: Literal["active", "disabled"]
    created_at: Time
    created_by: str
    disabled_at: Time
    last_login_at: Time


class Users(msgspec.Struct):
    users: list[User]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """A name with its password."""

    username: str
    password: str


class CommandLogin(msgspec.Struct):
    """How a program without a secret logs somebody in (RFC 8252): as this client of the issuer."""

    issuer: str
    client_id: str
    scopes: list[str]


class LoginWays(msgspec.Struct):
    """How people log in here."""

    password: Annotated[bool, words("Whether by a name and a password")]
    issuer: Annotated[str | None, words("Whose accounts count, at /v2/login/oidc; null if nobody else's do")]
    command: Annotated[
        CommandLogin | None, words("How `modelport login --sso` logs in at the issuer; null if it does not")
    ] = None


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A password or a refresh token, for a token (RFC 6749, 4.3 and 6).

    Clients are public, so `client_id` says nothing; a `client_secret` or a `scope` that is not empty is
    refused.
    """

    grant_type: Literal["password", "refresh_token"]
    username: str = ""
    password: str = ""
    refresh_token: str = ""
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""


class Token(msgspec.Struct):
    """A token (RFC 6749, 5.1), and what it is renewed with. A refresh token works once."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, words("Seconds")]
    refresh_token: str
    scope: str


class Grant(msgspec.Struct):
    """What somebody may do, with which models."""

    scopes: list[GrantedScope]
    models: Annotated[list[str] | None, words("The models that they may do it with; null for all")]


class Me(msgspec.Struct):
    """Who asks, and what they may do."""

    id: Annotated[str, words("What jobs and the audit call who asks; empty where nobody is asked")]
    name: str
    kind: Literal["user", "key", "token", "certificate", "anybody"]
    scopes: list[GrantedScope]
    models: Annotated[list[str] | None, words("The models that they may do it with; null for all")]
    others: Annotated[list[Grant], words("What they may do besides, each for itself")]
    expires_at: Annotated[Time, words("Until when what was sent can be used; null for no end")]


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """One's own password, and the one that takes its place."""

    old: str
    new: Annotated[str, words("10 characters at least")]


class FirstAdmin(msgspec.Struct, forbid_unknown_fields=True):
    """The first administrator, by the token of the link that the server has printed."""

    token: str
    username: str
    password: Annotated[str, words("10 characters at least")]
