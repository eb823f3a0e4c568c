"""Logging in at an issuer, for browsers; these stand in no document."""

from __future__ import annotations

from modelport.api.endpoints.row import AccessScope, Endpoint, Parameter
from modelport.api.oidc_routes import BEGIN, CALLBACK, END

OPEN = AccessScope.OPEN
NEXT = Parameter("next", "query", "Where the page goes on, a path of this server", {"type": "string"})

OIDC = (
    Endpoint("GET", BEGIN, lambda on: on.oidc.begin, OPEN, parameters=(NEXT,)),
    # Issuers add to the query what they like.
    Endpoint("GET", CALLBACK, lambda on: on.oidc.callback, OPEN, is_lenient=True),
    Endpoint("GET", END, lambda on: on.oidc.end, OPEN),
)
