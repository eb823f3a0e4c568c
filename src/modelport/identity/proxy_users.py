"""Who has logged in at a trusted proxy, by the name that it sends with each of their requests."""

from __future__ import annotations

from modelport.identity.granting import merged, principal_with
from modelport.identity.named_limits import NamedLimits
from modelport.identity.principals import Principal
from modelport.settings.grants import granted_of
from modelport.settings.named_limits import PROXY

PREFIX = "proxy:"  # begins the id of who has logged in there
MAX_NAME = 200
MOST_REMEMBERED = 10_000


class ProxyUsers:
    """Those whom proxies name: each may do what was `granted` to all of them."""

    def __init__(self, granted: str, limits: NamedLimits):
        self._limits = limits
        self._grants = merged([granted_of(granted)])
        self._known: dict[bytes, Principal] = {}

    def find(self, name: bytes) -> Principal | None:
        """Who is called so; `None` for what is no name, such as two of them."""
        known = self._known.get(name)
        if known is not None:
            return known
        try:
            text = name.decode().strip()
        except UnicodeDecodeError:
            return None
        if not 0 < len(text) <= MAX_NAME or not text.isprintable():
            return None
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        quotas = self._limits.of_subject(PROXY, text)
        found = self._known[name] = principal_with(f"{PREFIX}{text}", text, self._grants, quotas)
        return found
