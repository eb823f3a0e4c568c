"""What is wrong with the text of a setting, for those whose texts have a form; nothing if it can be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from urllib.parse import urlsplit

from modelport.settings.written import (
    NO_DURATION,
    NO_ORDER,
    NO_RATE,
    NO_SIZE,
    order_of,
    rate_of,
    seconds_of,
    size_of,
)
from modelport.variables import OF_WORKERS, PREFIX

FIELD = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")  # the name of a header (RFC 9110, 5.1)
PROXY_FIELDS = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded")
# They mean something else; a name of a user there would be none, or a key of somebody else.
NO_USER_FIELDS = (
    "authorization", "x-api-key", "cookie", "host", "origin", "referer", "content-length", "content-type",
    "transfer-encoding", "connection", "accept", *PROXY_FIELDS,
)  # fmt: skip
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")  # of a path, as it stands in a link (RFC 3986, 3.3)
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
DEVICE = re.compile(r"auto|cpu|cuda:\d{1,4}|(GPU|MIG)-[A-Za-z0-9/-]+")  # the last as nvidia-smi has them
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
POSTGRES = ("postgresql://", "postgres://", "postgresql+")


def wrong_host(host: str) -> str:
    """Of an address to listen on: to the system an empty one is every address."""
    if host.startswith("[") and host.endswith("]"):
        return f"has brackets, which an IPv6 address has in URLs alone; write {host[1:-1]}"
    if host.strip():
        return ""
    return "names no address; write 127.0.0.1 for this machine alone, 0.0.0.0 or :: for every address"


def wrong_path(path: str) -> str:
    """Of a path under which everything is."""
    segments = path.strip("/").split("/") if path.strip("/") else []
    if all(SEGMENT.fullmatch(one) and one not in (".", "..") for one in segments):
        return ""
    return "is no path that a link can have as it stands; write for example /models"


def wrong_mode(mode: str) -> str:
    """Of the permissions of a Unix socket, whose owner must be able to use it."""
    if re.fullmatch(r"0?[67][0-7]{2}", mode):
        return ""
    return "is no file permission that lets the server in; write 600, 660 or 666"


def wrong_format(name: str) -> str:
    """Of a format of model files."""
    from modelport.sources.files.formats.known import (
        FORMATS,  # the formats that there are: each is declared there
    )

    return "" if name in FORMATS else f"is none of {', '.join(FORMATS)}"


def wrong_duration(text: str) -> str:
    """Of a duration."""
    try:
        seconds_of(text)
    except ValueError:
        return f"{NO_DURATION}, and 0 for ever"
    return ""


def wrong_size(text: str) -> str:
    """Of a size."""
    try:
        size_of(text)
    except ValueError:
        return f"{NO_SIZE}, and 0 for no limit"
    return ""


def wrong_rate(text: str) -> str:
    """Of a rate of requests."""
    try:
        rate_of(text)
    except ValueError:
        return f"{NO_RATE}, and 0 for no limit"
    return ""


def wrong_order(text: str) -> str:
    """Of an order of runs."""
    try:
        order_of(text)
    except ValueError:
        return NO_ORDER
    return ""


def wrong_database(url: str) -> str:
    """Of the address of a PostgreSQL."""
    if url.startswith(POSTGRES):
        return ""
    return "is no address of a PostgreSQL; write postgresql://user:password@host:5432/name"


def wrong_files(url: str) -> str:
    """Of the place of shared files. Keys are never part of it."""
    parts = urlsplit(url)
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if is_plain and (parts.scheme in ("s3", "gs", "az") and parts.netloc):
        return ""
    if is_plain and parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return ""
    return "is no place of files; write s3://bucket/folder, gs://…, az://container/folder or file:///folder"


def wrong_collector(url: str) -> str:
    """Of the address of a collector of traces."""
    if url in ("on", "off") or re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        return ""
    return "is no address of a collector; write http://localhost:4318, on or off"


def wrong_origins(origins: Iterable[str]) -> str:
    """Of origins of web pages."""
    from modelport.security.hosts import normal_origin

    return _wrong_names((name for name in origins if name != "*"), normal_origin, "https://example.org")


def wrong_frames(origins: Iterable[str]) -> str:
    """Of origins of web pages that may show another in a frame: each is said."""
    if "*" in origins:
        return "cannot be *: any page could have people click in this one; name the origins"
    return wrong_origins(origins)


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


def wrong_devices(devices: list[str]) -> str:
    """Of the devices of workers."""
    wrong = next((one for one in devices if not DEVICE.fullmatch(one)), None)
    if wrong is not None:
        return f"names no device with {wrong!r}; write cpu, cuda:0, cuda:1 and so on, or auto"
    return "has others beside auto, which is all of them" if "auto" in devices and len(devices) > 1 else ""


def wrong_environment(variables: dict[str, str]) -> str:
    """Of variables of processes."""
    for name, value in variables.items():
        if not VARIABLE.fullmatch(name):
            return f"has {name!r}, which is no name of a variable"
        if name.startswith(PREFIX) or name in OF_WORKERS:
            return f"has {name}, which modelport sees to itself"
        if "\0" in value:
            return f"has a NUL in {name}"
    return ""


def wrong_amounts(resources: dict[str, str]) -> str:
    """Of resources of a cluster."""
    for name, amount in resources.items():
        if not re.fullmatch(r"[A-Za-z0-9_.:/-]{1,200}", name):
            return f"has {name!r}, which is no name of a resource"
        if not re.fullmatch(r"\d{1,9}(\.\d{1,4})?", amount):
            return f"has {amount!r} of {name}, which is no amount: write a number, such as 1 or 0.5"
    return ""


def wrong_ports(ports: list[str]) -> str:
    """Of ports and ranges of them."""
    from modelport.security.ports import port_numbers

    try:
        port_numbers(ports)
    except ValueError as error:
        return f"cannot be used: {error}"
    return "" if ports else "names no port"


def wrong_issuer(url: str) -> str:
    """Of the issuer of tokens."""
    if "?" in url or "#" in url:
        return "has a query or a fragment, which an issuer has not"
    return wrong_secure_url(url)


def wrong_public_url(url: str) -> str:
    """Of where people reach a server."""
    wrong = wrong_secure_url(url)
    if wrong or urlsplit(url.rstrip("/"))[2:] == ("", "", ""):
        return wrong
    return "has more than a name; what a path begins with is base_path or root_path"


def wrong_secure_url(url: str) -> str:
    """Of a URL that secrets go to: over TLS, or to this machine."""
    from modelport.security.hosts import is_own_machine

    form = "write for example https://login.example.org"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"is no URL; {form}"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "@" in parts.netloc:
        return f"is no URL without a user; {form}"
    if not host or parts.scheme not in ("http", "https"):
        return f"is no URL of a server; {form}"
    if parts.scheme == "http" and not is_own_machine(host):
        return f"is in the clear, which is for 127.0.0.1 only; {form}"
    return ""


def wrong_algorithms(names: list[str]) -> str:
    """Of algorithms that tokens are signed by: those with a pair of keys, and no others."""
    wrong = next((name for name in names if name not in ALGORITHMS), None)
    if wrong is not None:
        return f"has {wrong!r}, which is none of {', '.join(ALGORITHMS)}"
    return "" if names else "names no algorithm"


def wrong_networks(networks: list[str]) -> str:
    """Of addresses of proxies that are believed: not everybody's."""
    for text in networks:
        if text == "unix":
            continue
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            return f"has {text!r}, which is no address; write for example 127.0.0.1, 10.0.0.0/8 or unix"
        if not network.prefixlen:
            return f"has {text!r}, which is everybody: then each client could say that it is another"
    return ""


def wrong_proxy_fields(names: list[str]) -> str:
    """Of headers that proxies set."""
    wrong = next((name for name in names if name not in PROXY_FIELDS), None)
    return "" if wrong is None else f"has {wrong!r}, which is none of {', '.join(PROXY_FIELDS)}"


def wrong_user_field(name: str) -> str:
    """Of the header that says who has logged in at a proxy."""
    if FIELD.fullmatch(name) and name not in NO_USER_FIELDS:
        return ""
    return "cannot be the header of a user's name; write for example X-Forwarded-User"
