"""`/v2/keys` and `/v2/audit`: who may come in, and what was done by whom."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from time import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.endpoints.row import ReadBody
from modelport.api.query_values import cursor_in, cursor_text, number_in
from modelport.api.resources import identity as resources
from modelport.http.asgi import Scope
from modelport.identity import audit
from modelport.identity.keys import Key, NewKey
from modelport.identity.names import names_of
from modelport.identity.principals import AccessScope
from modelport.identity.quotas import OwnQuotas
from modelport.identity.service import Identity
from modelport.jobs.views import utc
from modelport.problems import Problem
from modelport.settings.written import seconds_of
from modelport.storage.errors import StoreError

MAX_PAGE = 1000
log = logging.getLogger("modelport.identity")

NO_STORE = {"cache-control": "no-store"}  # for an answer that holds a key


class IdentityRoutes:
    """The handlers, one method a resource."""

    def __init__(self, identity: Identity, base_path: str):
        self.identity = identity
        self.is_on = identity.is_on
        self.base_path = base_path

    async def note(self, action: str, scope: Scope, response: Response) -> None:
        """Tell the audit what a request has done, with what it was answered. Raises nothing: it is done."""
        if response.status_code >= 400:
            return
        target = str(scope["path"]).removeprefix(self.base_path)
        by, told = principal_of(scope), _told(bytes(response.body))
        try:
            await audit.noted(self.identity.database, by, action, target, **told)
        except StoreError as error:
            log.error("%s of %s by %s is not in the audit: %s", action, target, by.id, error)

    async def keys(self, request: Request) -> Response:
        """`GET /v2/keys`: every key, the newest first."""
        now = time()
        return json_response(resources.Keys([key_body(key, now) for key in await self.identity.keys.list()]))

    async def create(self, request: Request, read: ReadBody[resources.NewKey]) -> Response:
        """`POST /v2/keys`: make a key. The answer has it, and no other ever will."""
        new = new_key(await read())
        made = await self.identity.keys.create(new, principal_of(request.scope))
        await self.identity.tell_keys()
        return _made(made)

    async def revoke(self, request: Request) -> Response:
        """`DELETE /v2/keys/{key}`: let a key be used no more."""
        key = await self.identity.keys.revoke(request.path_params["key"], principal_of(request.scope))
        await self.identity.tell_keys()
        return json_response(key_body(key, time()))

    async def rotate(self, request: Request, read: ReadBody[resources.Rotation]) -> Response:
        """`POST /v2/keys/{key}/rotate`: make a key in the place of another one."""
        grace = _seconds("grace", (await read()).grace)
        made = await self.identity.keys.rotate(request.path_params["key"], grace, principal_of(request.scope))
        await self.identity.tell_keys()
        return _made(made)

    async def audit(self, request: Request) -> Response:
        """`GET /v2/audit?limit&cursor`: what was done, the newest first."""
        query = request.query_params
        limit, cursor = number_in(query, "limit", 100, 1, MAX_PAGE), cursor_in(query)
        page = await audit.page(self.identity.database, limit, cursor)
        names = await names_of(self.identity.database, (one.principal for one in page.records))
        found = [record_body(one, names) for one in page.records]
        return json_response(resources.AuditPage(found, cursor_text(page.cursor)))


def new_key(asked: resources.NewKey) -> NewKey:
    """The key that a client asks for. Raises `Problem` 422 for what is no duration."""
    return NewKey(
        name=asked.name,
        scopes=[AccessScope(scope) for scope in asked.scopes],
        models=asked.models,
        expires_at=None if asked.expires is None else time() + _seconds("expires", asked.expires),
        quotas=OwnQuotas(**msgspec.structs.asdict(asked.quotas)) if asked.quotas is not None else OwnQuotas(),
    )


def made_body(made: tuple[Key, str]) -> resources.MadeKey:
    """A key that was just made, with its text, as its client sees it this once."""
    key, text = made
    return resources.MadeKey(text, key_body(key, time()))


def key_body(key: Key, now: float) -> resources.Key:
    """A key as clients see it."""
    is_over = key.expires_at is not None and key.expires_at <= now
    return resources.Key(
        id=key.id,
        subject=key.subject,
        name=key.name,
        prefix=key.prefix,
        scopes=[scope.value for scope in key.scopes],  # pyright: ignore[reportArgumentType] - those granted
        models=key.models,
        state="revoked" if key.revoked_at is not None else "expired" if is_over else "usable",
        created_at=utc(key.created_at),
        created_by=key.created_by,
        expires_at=utc(key.expires_at),
        revoked_at=utc(key.revoked_at),
        last_used_at=utc(key.last_used_at),
        quotas=resources.Quotas(**asdict(key.quotas)),
    )


def record_body(one: audit.AuditRecord, names: Mapping[str, str]) -> resources.AuditRecord:
    """What was done, as clients see it, with the names of who has done it."""
    name = names.get(one.principal)
    return resources.AuditRecord(
        one.number, utc(one.at), one.principal, name, one.action, one.target, one.details
    )


def _made(made: tuple[Key, str]) -> Response:
    return json_response(made_body(made), NO_STORE, 201)


class _Told(msgspec.Struct, omit_defaults=True):
    """What the audit keeps of an answer, which may hold what was sent."""

    version: int | str | None = None
    before: int | None = None
    state: str | None = None


def _told(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.to_builtins(msgspec.json.decode(body, type=_Told)) if body else {}
    except msgspec.DecodeError:
        return {}


def _seconds(field: str, text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise Problem(422, f"{field}: {error}") from None
