"""What is wrong with the text of a setting, for those whose texts have a form; nothing if it can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from modelport.settings.durations import seconds_of
from modelport.settings.orders import order_of

POSTGRES = ("postgresql://", "postgres://", "postgresql+")


def wrong_format(name: str) -> str:
    """Of a format of model files."""
    from modelport.sources.files.formats import FORMATS  # the formats that there are: each is declared there

    return "" if name in FORMATS else f"is none of {', '.join(FORMATS)}"


def wrong_duration(text: str) -> str:
    """Of a duration."""
    try:
        seconds_of(text)
    except ValueError:
        return "is no duration; write for example 30d, 12h, 45m or 90s, and 0 for ever"
    return ""


def wrong_order(text: str) -> str:
    """Of an order of runs."""
    try:
        order_of(text)
    except ValueError:
        return "is no order of runs; write NAME:max or NAME:min, such as f1:max"
    return ""


def wrong_database(url: str) -> str:
    """Of the address of a PostgreSQL."""
    if url.startswith(POSTGRES):
        return ""
    return "is no address of a PostgreSQL; write postgresql://user:password@host:5432/name"


def wrong_origins(origins: Iterable[str]) -> str:
    """Of origins of web pages."""
    from modelport.security.hosts import normal_origin

    return _wrong_names((name for name in origins if name != "*"), normal_origin, "https://example.org")


def wrong_hosts(hosts: Iterable[str]) -> str:
    """Of names of hosts."""
    from modelport.security.hosts import host_pattern

    return _wrong_names(hosts, host_pattern, "example.org or *.example.org")


def _wrong_names(names: Iterable[str], read: Callable[[str], object], form: str) -> str:
    for name in names:
        try:
            read(name)
        except ValueError as error:
            return f"cannot be used: {error}; write for example {form}, or * for any"
    return ""


def wrong_ports(ports: list[str]) -> str:
    """Of ports and ranges of them."""
    from modelport.security.ports import port_numbers

    try:
        port_numbers(ports)
    except ValueError as error:
        return f"cannot be used: {error}"
    return "" if ports else "names no port"
