"""Proxies before the server, and what they may say of its clients."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.grants import wrong_grant
from modelport.settings.values import wrong_networks, wrong_proxy_fields, wrong_user_field


@dataclass(frozen=True, kw_only=True)
class ProxySettings:
    """Proxies before the server, and what they may say of its clients."""

    trusted_proxies: list[str] = setting(
        [],
        "addresses and networks of proxies that are believed what they say of their clients, such as "
        "127.0.0.1 or 10.0.0.0/8; unix for those that come by a Unix socket",
        wrong=wrong_networks,
        of="server",
        heading="Proxies",
    )
    proxy_headers: list[str] = setting(
        ["x-forwarded-for", "x-forwarded-proto"],
        "what trusted proxies set in each request: x-forwarded-for, x-forwarded-proto, x-forwarded-host or "
        "forwarded; none that they pass on from clients",
        wrong=wrong_proxy_fields,
        of="server",
    )
    proxy_user_header: str | None = setting(
        None,
        "the header in which trusted proxies say who has logged in at them, such as X-Forwarded-User",
        normal=str.lower,
        wrong=wrong_user_field,
        of="server",
    )
    proxy_user_scopes: str | None = setting(
        None, "what those may do, such as predict read on iris", wrong=wrong_grant, of="server"
    )
