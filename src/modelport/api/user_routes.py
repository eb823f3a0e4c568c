"""`/v2/users`: who may log in, for administrators."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.endpoints.row import ReadBody
from modelport.api.resources import users as resources
from modelport.identity.accounts import Accounts
from modelport.identity.principals import Principal
from modelport.identity.roles import Role
from modelport.identity.users import Change, NewUser, User
from modelport.jobs.views import utc


class UserRoutes:
    """The handlers, one method a resource."""

    def __init__(self, accounts: Accounts):
        self.accounts = accounts

    async def list(self, request: Request) -> Response:
        """`GET /v2/users`: every user, by name."""
        found = await self.accounts.users.list()
        return json_response(resources.Users([user_body(user) for user in found]))

    async def one(self, request: Request) -> Response:
        """`GET /v2/users/{user}`: a user."""
        return json_response(user_body(await self.accounts.users.find(request.path_params["user"])))

    async def create(self, request: Request, read: ReadBody[resources.NewUser]) -> Response:
        """`POST /v2/users`: make a user."""
        user = await self.accounts.create(new_user(await read()), principal_of(request.scope))
        return json_response(user_body(user), status=201)

    async def change(self, request: Request, read: ReadBody[resources.UserChange]) -> Response:
        """`PATCH /v2/users/{user}`: change a user, and end every session of theirs."""
        asked = await read()
        user = await changed(self.accounts, request.path_params["user"], asked, principal_of(request.scope))
        return json_response(user_body(user))

    async def delete(self, request: Request) -> Response:
        """`DELETE /v2/users/{user}`: remove a user. Their jobs stay."""
        which = request.path_params["user"]
        return json_response(user_body(await self.accounts.users.delete(which, principal_of(request.scope))))


def new_user(asked: resources.NewUser) -> NewUser:
    """The user that a client asks for, with the password as it was typed."""
    return NewUser(name=asked.name, password=asked.password, role=Role(asked.role), models=asked.models)


async def changed(accounts: Accounts, which: str, asked: resources.UserChange, by: Principal) -> User:
    """Change a user as a client asks. Raises what the store does."""
    users = accounts.users
    password: str | msgspec.UnsetType = msgspec.UNSET
    if asked.password is not msgspec.UNSET:
        kept = await accounts.kept(asked.password, (await users.find(which)).name)
        password = kept if kept is not None else msgspec.UNSET
    role = asked.role if asked.role is msgspec.UNSET else Role(asked.role)
    change = Change(role=role, models=asked.models, password=password, disabled=asked.disabled)
    return await users.change(which, change, by)


def user_body(user: User) -> resources.User:
    """A user as clients see them."""
    return resources.User(
        id=user.id,
        subject=user.principal.id,
        name=user.name,
        role=user.role.value,
        models=user.models,
        state="disabled" if user.disabled_at is not None else "active",
        created_at=utc(user.created_at),
        created_by=user.created_by,
        disabled_at=utc(user.disabled_at),
        last_login_at=utc(user.last_login_at),
    )
