"""Who may come in, and what was done by whom."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Endpoint, data, with_body
from modelport.api.endpoints.statuses import CHANGED, SENT, STORED
from modelport.api.resources.identity import AuditPage, Key, Keys, MadeKey, NewKey, Rotation

ADMIN = AccessScope.ADMIN
TAG = "identity"
KEY = "/v2/keys/{key}"

IDENTITY = (
    Endpoint(
        "GET", "/v2/keys", lambda on: on.identity.keys, ADMIN,
        TAG, "keys", "List keys", {200: data("Every key, the newest first", Keys)}, STORED,
    ),
    Endpoint(
        "POST", "/v2/keys", with_body(NewKey, lambda on: on.identity.create), ADMIN,
        TAG, "create_key", "Make a key", {201: data("The key, which is shown this once", MadeKey)},
        (*CHANGED, *SENT, 409),
    ),
    Endpoint(
        "DELETE", KEY, lambda on: on.identity.revoke, ADMIN,
        TAG, "revoke_key", "Let a key be used no more", {200: data("The key", Key)}, (*CHANGED, 409),
        parameters=(of.KEY,),
    ),
    Endpoint(
        "POST", f"{KEY}/rotate", with_body(Rotation, lambda on: on.identity.rotate), ADMIN,
        TAG, "rotate_key", "Make a key in the place of another one",
        {201: data("The new key, which is shown this once", MadeKey)}, (*CHANGED, *SENT, 409),
        parameters=(of.KEY,),
    ),
    Endpoint(
        "GET", "/v2/audit", lambda on: on.identity.audit, ADMIN,
        TAG, "audit", "What was done, and by whom", {200: data("A page of it, the newest first", AuditPage)},
        STORED, parameters=(of.LIMIT, of.CURSOR),
    ),
)  # fmt: skip
