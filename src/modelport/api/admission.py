"""The one door: which requests may come in at all. Every way in asks here, and nowhere else.

Who sends it, `credentials` tells, where that is asked. Where it is not, who can reach the server may use it,
and so may every web page that such a person opens, unless two things are checked. *Whose page sends it*:
browsers say so in `Origin` and `Sec-Fetch-Site`.
*What the server is called*: a page can have its own name lead to 127.0.0.1 once it is loaded (DNS rebinding);
then the browser holds this server for the page's own, and only `Host` still tells.

What can go wrong, and what answers it:

- *A way in forgets the door.* There are two: the application asks `refusal` before it routes, so that no
  route or page can be reached around it; and the shortest way of a prediction takes a request only if
  its `Host` is among `known_hosts`, which this module alone fills, and it has none of the fields `OF_PAGES`.
  All else goes the long way. A test walks every endpoint and finds it closed.
- *The door costs the hot path.* There it is one look-up of bytes as they were sent; what is known is
  remembered for each address of this machine, and no more of it than `MOST_HOSTS` and `MOST_ADDRESSES`.
- *A name is remembered for one address and used at another.* Whether names are judged depends on the
  address: on the loopback, where only this machine comes in, they are; elsewhere who runs the server has
  given it names that it cannot know, unless the settings say them. So what is known is kept apart by address.
- *One name is written in many ways.* Case, a dot at the end, Punycode, a port, brackets: hosts and origins
  are compared in their normal form (`security.hosts`). What has none is nobody's name, and refused.
- *Two programs read different names out of one request.* Two fields of a name that is judged are refused,
  and a target that names a host has taken the place of the field before (`http`).
- *A proxy ends TLS.* The page then has https and we have http. So an origin is compared by name and port,
  with the usual port of its own scheme.
- *Reading is harmless, and a GET that runs the model is not.* Browsers keep answers from foreign pages, so
  GET, HEAD and OPTIONS are not asked for their page, but for a GET that `runs_model`. There browsers may send
  no `Origin`; then the `Referer` tells, and one that sends none of the three is taken for a foreign page.
- *A refusal tells a stranger something.* It repeats nothing that was sent, and names the setting that would
  let them in. No answer to a refused request has the fields that let a foreign page read it.

Why it judges requests and not connections: one connection of a proxy carries those of many pages.
"""

from __future__ import annotations

import socket
from typing import Any

from modelport.http.asgi import Scope
from modelport.problems import Problem
from modelport.security.hosts import (
    DEFAULT_PORTS,
    host_pattern,
    is_address,
    is_own_machine,
    normal_origin,
    split_authority,
)
from modelport.settings import Settings

# They change nothing, and browsers keep the answers from pages of other origins.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The fields that are judged. A request with another one of them than a known Host goes no short way.
OF_PAGES = frozenset({b"origin", b"sec-fetch-site"})
# Browsers send no Origin with a GET to the page's own server, nor with one by `no-cors`, and Sec-Fetch-Site
# only over https and to localhost. Then the Referer tells, which no page can forge; a page that hides it is
# foreign. The name is the begin of what each browser calls itself, which no page can change in such requests.
BROWSER = b"Mozilla/"
NO_PAGE = b"null"
OWN_PAGES = frozenset({"same-origin", "none"})
MOST_HOSTS = 256  # that are remembered, for each address of this machine
MOST_ADDRESSES = 64

OTHER_NAME = "the Host header has a name that is not this server's; --allow-hosts gives it more names"
OTHER_ORIGIN = "pages of another origin may not call this server; --allow-origins lets them"

Address = tuple[Any, ...] | None


class Admission:
    """Judges requests by the settings. It remembers the Hosts that it has admitted, so that the hot path is
    a look-up.
    """

    def __init__(self, settings: Settings):
        hosts = [host_pattern(host) for host in settings.allow_hosts]
        self._any_host = "*" in hosts
        self._says_hosts = bool(hosts)
        self._names = frozenset(hosts) | _own_names(settings.host)
        self._domains = tuple(host[1:] for host in hosts if host.startswith("*."))
        self._any_origin = "*" in settings.allow_origins
        self.origins = [normal_origin(origin) for origin in settings.allow_origins if origin != "*"]
        self._known: dict[Address, set[bytes]] = {}

    def known_hosts(self, server: Address) -> set[bytes]:
        """The values of `Host`, as they were sent, that were admitted at this address of ours."""
        known = self._known.get(server)
        if known is None:
            known = set[bytes]()
            if len(self._known) < MOST_ADDRESSES:
                self._known[server] = known
        return known

    def refusal(self, scope: Scope, *, runs_model: bool = False) -> Problem | None:
        """Why a request may not come in: 421 for a foreign name, 403 for a foreign page; `None` if it may.

        What `runs_model` is no mere reading, whatever its method is.
        """
        hosts: list[bytes] = []
        origins: list[bytes] = []
        sites: list[bytes] = []
        referers: list[bytes] = []
        is_browser = False
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"sec-fetch-site":
                sites.append(value)
            elif name == b"referer":
                referers.append(value)
            elif name == b"user-agent":
                is_browser = is_browser or value.startswith(BROWSER)
        if not self._is_ours(_address(scope), hosts):
            return Problem(421, OTHER_NAME)
        if scope["method"] in SAFE_METHODS:
            if not runs_model:
                return None
            if is_browser and not (origins or sites):
                origins = [page_of(referer) for referer in referers] or [NO_PAGE]
        if self._may_call(origins, sites, hosts):
            return None
        return Problem(403, OTHER_ORIGIN)

    def _is_ours(self, server: Address, hosts: list[bytes]) -> bool:
        """Whether the request means this server. Without a Host it is no browser's."""
        if not hosts:
            return True
        known = self.known_hosts(server)
        if len(hosts) == 1 and hosts[0] in known:
            return True
        if self._judges(server):
            place = split_authority(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
            if place is None or not self._is_own_name(place[0]):
                return False
        if len(hosts) == 1 and len(known) < MOST_HOSTS:
            known.add(hosts[0])
        return True

    def _judges(self, server: Address) -> bool:
        """Names are judged where they were given, and else on connections within this machine: who lets
        others reach it by the network has given it names that it does not know.
        """
        return not self._any_host and (self._says_hosts or _is_loopback(server))

    def _is_own_name(self, name: str) -> bool:
        own = name in self._names or name.endswith((".localhost", *self._domains))
        return own or is_address(name)

    def _may_call(self, origins: list[bytes], sites: list[bytes], hosts: list[bytes]) -> bool:
        """Whether a request that may change something comes from no page, from ours, or from one that may."""
        if self._any_origin or not (origins or sites):
            return True
        if len(origins) > 1 or len(sites) > 1:
            return False
        origin = origin_of(origins[0]) if origins else None
        if origin in self.origins:
            return True
        if sites and sites[0].decode("latin-1").strip().lower() not in OWN_PAGES:
            return False
        return not origins or (origin is not None and is_same(origin, hosts))


def _own_names(host: str) -> frozenset[str]:
    """What this machine is called without being told; no name server is asked."""
    machine = socket.gethostname().lower().removesuffix(".")
    names = {"localhost", machine, f"{machine.partition('.')[0]}.local", host.lower().removesuffix(".")}
    return frozenset(name for name in names if name)


def _address(scope: Scope) -> Address:
    server = scope.get("server")
    return tuple(server) if server else None


def _is_loopback(server: Address) -> bool:
    """Whether this address of ours can be reached from this machine only. A Unix socket has none."""
    return server is not None and is_own_machine(str(server[0]))


def origin_of(origin: bytes) -> str | None:
    """An Origin header as an origin; `None` for `null` and everything else that names no page."""
    try:
        return normal_origin(origin.decode("ascii").strip(" \t"))
    except ValueError:
        return None


def page_of(referer: bytes) -> bytes:
    """The origin in a Referer header."""
    return b"/".join(referer.strip().split(b"/")[:3])


def is_same(origin: str, hosts: list[bytes]) -> bool:
    """Whether the page came from where the request goes, by http or https: a proxy may speak TLS for us."""
    scheme, _, authority = origin.partition("://")
    usual = DEFAULT_PORTS.get(scheme, "")
    page = split_authority(authority)
    here = split_authority(hosts[0].decode("latin-1")) if hosts else None
    if page is None or here is None:
        return False
    return (page[0], page[1] or usual) == (here[0], here[1] or usual)
