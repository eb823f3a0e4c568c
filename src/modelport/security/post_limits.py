"""What a post to a URL that a client names may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from modelport.security.addresses import IPAddress, is_public_address


@dataclass(frozen=True)
class PostLimits:
    """What one post may cost, and where it may go. The deadline counts from the look-up to the status."""

    total_deadline_s: float = 15.0
    max_response_bytes: int = 64 * 1024
    allowed_ports: Iterable[int] = frozenset({80, 443})
    allow_addresses: Callable[[IPAddress], bool] = is_public_address
