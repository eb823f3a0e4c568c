"""`Warning` headers: what a client is told of a request of which something was ignored."""

from __future__ import annotations

MAX_WARNINGS = 5  # of one answer, and
MAX_WARNING = 300  # characters of each: proxies bound what headers may take


def warning_value(words: str) -> str:
    """The value of a Warning header (RFC 7234, 5.5): the code for anything that persists, and the words."""
    text = words if len(words) <= MAX_WARNING else words[:MAX_WARNING] + "..."
    quoted = text.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'
