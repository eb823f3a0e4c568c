"""Who asks with a certificate: the holders that the settings name, by the names in what they hold.

That it is theirs, and an authority's, has been proved by the time that anybody looks here: TLS has done that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelport.identity.granting import merged, principal_with
from modelport.identity.named_limits import NamedLimits
from modelport.identity.principals import Principal
from modelport.settings.certificate_holders import holders_of
from modelport.settings.grants import EVERYBODY, Granted
from modelport.settings.named_limits import CERTIFICATE

OF_CERTIFICATES = "certificate:"  # begins the id of who asks with one


class CertificateHolders:
    """Finds who holds a certificate by its names (`dns:shop.example`); whom none of them means is nobody."""

    def __init__(self, table: Mapping[str, str], limits: NamedLimits):
        found = holders_of(table)
        everybody = found.pop(EVERYBODY, None)
        self._limits = limits
        self._known = {name: self._principal(name, granted) for name, granted in found.items()}
        self._everybody = everybody

    def find(self, names: Iterable[str]) -> Principal | None:
        """Who has a certificate with these names; the first that is known counts."""
        first = ""
        for name in names:
            first = first or name
            found = self._known.get(name)
            if found is not None:
                return found
        if self._everybody is None or not first:
            return None
        return self._principal(first, self._everybody)

    def _principal(self, name: str, granted: Granted) -> Principal:
        quotas = self._limits.of_subject(CERTIFICATE, name)
        return principal_with(OF_CERTIFICATES + name, name, merged([granted]), quotas)
