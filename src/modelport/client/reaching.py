"""How a client reaches a server: by an address, with TLS or without, or by a Unix socket."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx

from modelport.client.calls import checked_url, with_key
from modelport.client.kept_login import KeptLogin
from modelport.client.login import Login
from modelport.client.login_files import LoginFile
from modelport.variables import CA_FILE, CLIENT_CERT, CLIENT_KEY

UNIX = "unix://"  # then the path of the socket; and after a colon the base path, if the server has one


class Asker(NamedTuple):
    """Who asks: by a key, or by a user's name and password.

    Without either it is the key in MODELPORT_KEY, else what `modelport login` has kept for the server: that
    alone if it `is_kept`. An empty key is nobody.
    """

    key: str | None = None
    user: str | None = None
    password: str | None = None
    is_kept: bool = False


def reaching(
    url: str,
    options: Mapping[str, Any],
    who: Asker,
    transport: Callable[..., Any],
) -> dict[str, Any]:
    """The arguments of an httpx client for the server at `url`; `transport` is that of its kind.

    `verify` may be a file or folder of authorities, else MODELPORT_CA_FILE is; `cert` a file, or those of
    certificate, key and perhaps a password, else MODELPORT_CLIENT_CERT and MODELPORT_CLIENT_KEY are.
    Raises `ValueError` for what cannot be used, `ModelportError` if what is kept cannot be read.
    """
    user, password = who.user, who.password
    if (user is None) is not (password is None) or (user is not None and who.key is not None):
        raise ValueError("who asks is told by a key, or by user and password together")
    is_by_key = user is None and not who.is_kept
    given = with_key(dict(options), who.key) if is_by_key else dict(options)
    given = _place(url, given, transport)
    if user is not None and password is not None:
        given["auth"] = Login(given["base_url"], user, password)
    elif who.key is None and not _says_who_asks(given):
        given = _with_kept(url, given)
    if isinstance(given.get("auth"), (Login, KeptLogin)):
        given["follow_redirects"] = False  # httpx would send password and refresh token wherever they lead
    return given


def _says_who_asks(options: Mapping[str, Any]) -> bool:
    """Whether requests have something by which who asks is known, other than a certificate."""
    headers = httpx.Headers(options.get("headers"))
    return "auth" in options or "authorization" in headers or "x-api-key" in headers


def _with_kept(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with what is kept for the server at `url`, if anything is."""
    file = LoginFile(url)
    kept = file.read()
    if kept is None:
        return options
    if not kept.refresh_token and not kept.issuer:
        return with_key(options, kept.token)
    return options | {"auth": KeptLogin(options["base_url"], file, kept)}


def _place(url: str, options: Mapping[str, Any], transport: Callable[..., Any]) -> dict[str, Any]:
    """The options that say where it is, and how TLS is spoken there."""
    given = dict(options)
    if url.startswith(UNIX):
        path, _, base = url.removeprefix(UNIX).partition(":/")
        if not path.startswith("/"):
            raise ValueError(f"{url!r} names no Unix socket; write unix:///path/of/the/socket")
        limits = {"limits": given["limits"]} if "limits" in given else {}
        base_url = f"http://localhost/{base}".rstrip("/")
        return {"transport": transport(uds=path, **limits), **given, "base_url": base_url}
    verify = given.pop("verify", os.environ.get(CA_FILE) or True)
    cert = given.pop("cert", _cert_of_variables())
    if cert is not None or isinstance(verify, (str, os.PathLike)):
        verify = _context(verify, cert)
    return given | {"base_url": checked_url(url), "verify": verify}


def _cert_of_variables() -> tuple[str, ...] | None:
    files = [os.environ.get(name) for name in (CLIENT_CERT, CLIENT_KEY)]
    return tuple(file for file in files if file) if files[0] else None


def _context(verify: Any, cert: Any) -> ssl.SSLContext:
    """What TLS is spoken with. Raises `ValueError` naming the file that cannot be used."""
    if isinstance(verify, (str, os.PathLike)):
        place = Path(cast("str | os.PathLike[str]", verify))
        is_folder = place.is_dir()
        try:
            context = ssl.create_default_context(
                cafile=None if is_folder else place, capath=place if is_folder else None
            )
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"{place} has no certificates of authorities: {error.strerror}") from None
    else:
        context = verify if isinstance(verify, ssl.SSLContext) else httpx.create_ssl_context(verify=verify)
    if cert is not None:
        files = tuple(cast("tuple[Any, ...]", cert) if isinstance(cert, (list, tuple)) else (cert,))
        try:
            context.load_cert_chain(*files)
        except OSError as error:
            named = " and ".join(str(file) for file in files[:2])
            raise ValueError(f"{named}: no certificate with its key: {error.strerror}") from None
    return context
