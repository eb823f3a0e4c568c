"""How whoever asks says who they are, as both documents tell it: what of it this server takes."""

from __future__ import annotations

from typing import Any, NamedTuple

from modelport.api.cookies import NAME
from modelport.identity.oidc.issuer import WELL_KNOWN

BEARER = "Bearer, and a key (mpk_…) or a token: of a user, by /v2/token"
OF_ISSUER = ", or of the issuer"
SESSION = (
    "That of a page, by /v2/login. Its name has the port at which the server is reached behind a `_`, if "
    "that is not the usual one, and begins with `__Host-` over https (with `__Secure-` under a base path)."
)


class Security(NamedTuple):
    """By what a server knows who asks, beside keys and its own users."""

    issuer: str | None = None
    certificates: bool = False

    def of_openapi(self) -> dict[str, dict[str, Any]]:
        """The Security Schemes of OpenAPI 3.1, by their names."""
        schemes: dict[str, dict[str, Any]] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": self._bearer()},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key (mpk_…)"},
            "session": {"type": "apiKey", "in": "cookie", "name": NAME, "description": SESSION},
        }
        if self.issuer is not None:
            url = self.issuer.rstrip("/") + WELL_KNOWN
            schemes["issuer"] = {"type": "openIdConnect", "openIdConnectUrl": url}
        if self.certificates:
            schemes["certificate"] = {"type": "mutualTLS"}
        return schemes

    def of_swagger(self) -> dict[str, dict[str, Any]]:
        """The Security Definitions of Swagger 2.0, which knows no bearers, cookies and OpenID Connect."""
        return {
            "bearer": {
                "type": "apiKey", "in": "header", "name": "Authorization", "description": self._bearer(),
            },
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key (mpk_…)"},
        }  # fmt: skip

    def _bearer(self) -> str:
        return BEARER + (OF_ISSUER if self.issuer is not None else "")
