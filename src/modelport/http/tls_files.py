"""The certificate and the key of a server, from their files, and anew when those change.

What can go wrong, and what answers it:

- *Files are replaced while they are read.* Certbot moves links to other files, others write the certificate
  first and the key a moment later. A pair that does not fit, or cannot be read, leaves the old one in use and
  the log says so, once for each state of the files; the next state is tried again.
- *Something changed that a modification time does not tell.* A state is inode, size and nanoseconds of what
  each path leads to, links followed.
- *Connections under way.* Each keeps the certificate that it was begun with; only new ones get the new one.
- *A key with a password.* OpenSSL would ask for it at the terminal: it never is asked, an empty one is given.
- *Old protocols.* TLS 1.2 and 1.3; in 1.2 only ciphers with forward secrecy that authenticate what they
  encrypt (RFC 9325, 4.2.1), no renegotiation, no compression.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger("modelport.http")

LOOK_SECONDS = 1.0
MOST_BYTES = 1 << 20  # of one of these files
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
PROTOCOLS = ["http/1.1"]
State = tuple[tuple[int, int, int] | None, ...]


class TlsFileError(ValueError):
    """A certificate or key that cannot be used: its setting, its file, and what is wrong with it."""


class TlsTexts(NamedTuple):
    """What the files have, in PEM form."""

    key: bytes
    certificate: bytes
    client_ca: bytes | None


@dataclass(frozen=True)
class TlsFiles:
    """Where they are. Without a `key` it is in the file of the certificate."""

    certificate: Path
    key: Path | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    client_ca: Path | None = None  # whose certificates clients have,
    needs_client: bool = True  # and must have

    def context(self) -> ssl.SSLContext:
        """What new connections are spoken with. Reads the files. Raises `TlsFileError`."""
        certificate = _read("tls_cert", self.certificate)
        if b"-----BEGIN CERTIFICATE-----" not in certificate:
            raise TlsFileError(f"tls_cert: {self.certificate} has no certificate in PEM form")
        key = certificate if self.key is None else _read("tls_key", self.key)
        where = f"tls_key: {self.key or self.certificate}"
        if b"PRIVATE KEY-----" not in key:
            more = "; name the file of the key with tls_key" if self.key is None else ""
            raise TlsFileError(f"{where} has no private key in PEM form{more}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(PROTOCOLS)
        password = self._password()
        try:
            context.load_cert_chain(self.certificate, self.key, password=lambda: password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise TlsFileError(self._why(error, where, key, password)) from None
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED if self.needs_client else ssl.CERT_OPTIONAL
            _trust(context, self.client_ca)
        return context

    def texts(self) -> TlsTexts:
        """The files as texts, the key without its password, for who speaks TLS otherwise than by `ssl`.

        Raises `TlsFileError`.
        """
        certificate = _read("tls_cert", self.certificate)
        key = certificate if self.key is None else _read("tls_key", self.key)
        client_ca = None if self.client_ca is None else _read("tls_client_ca", self.client_ca)
        if b"ENCRYPTED" in key:
            key = _opened(key, self._password())
        return TlsTexts(key, certificate, client_ca)

    def state(self) -> State:
        """Which files there are now, to see whether that has changed."""
        paths = (self.certificate, self.key, self.password_file, self.client_ca)
        return tuple(_state(path) for path in paths if path is not None)

    def _password(self) -> str:
        if self.password_file is None:
            return self.password or ""
        text = _read("tls_key_password_file", self.password_file)
        try:
            return text.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise TlsFileError(f"tls_key_password_file: {self.password_file} is not UTF-8 text") from None

    def _why(self, error: Exception, where: str, key: bytes, password: str) -> str:
        reason = getattr(error, "reason", None) or ""
        if reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            return f"{where} is not the key of the certificate in {self.certificate}"
        if b"ENCRYPTED" in key:
            if not password:
                return (
                    f"{where} is encrypted: give its password with tls_key_password_file, or in the variable "
                    "MODELPORT_TLS_KEY_PASSWORD"
                )
            return f"{where} is encrypted, and with another password than the one that was given"
        what = reason.lower().replace("_", " ") or str(error)
        return f"tls_cert: {self.certificate} and {where} cannot be used: {what}"


def _opened(key: bytes, password: str) -> bytes:
    """A key without its password."""
    from cryptography.hazmat.primitives import serialization

    opened = serialization.load_pem_private_key(key, password.encode())
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    return opened.private_bytes(serialization.Encoding.PEM, form, plain)


def _trust(context: ssl.SSLContext, authorities: Path) -> None:
    """Take certificates of these authorities. Raises `TlsFileError`."""
    text = _read("tls_client_ca", authorities)
    try:
        context.load_verify_locations(cadata=text.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise TlsFileError(
            f"tls_client_ca: {authorities} has no certificates of authorities in PEM form"
        ) from None


def _read(setting: str, path: Path) -> bytes:
    """The content of a file. Raises `TlsFileError`."""
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TlsFileError(f"{setting}: {path} cannot be read: {error.strerror or error}") from None
    if len(found) > MOST_BYTES:
        raise TlsFileError(f"{setting}: {path} is no such file: it has more than {MOST_BYTES} bytes")
    return found


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class Certificates:
    """The certificate that new connections get, as the files have it. `run` it while the server listens.

    Making one raises `TlsFileError`.
    """

    def __init__(self, files: TlsFiles):
        self.files = files
        self._state = files.state()
        self.context = files.context()

    async def run(self) -> None:
        """Look every `LOOK_SECONDS` whether the files have changed, until this is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:  # a bug: the server goes on with what it has, and looks again
                logger.exception("it could not be seen whether the certificate has changed")

    async def _look(self) -> None:
        state = await asyncio.to_thread(self.files.state)
        if state == self._state:
            return
        self._state = state
        try:
            self.context = await asyncio.to_thread(self.files.context)
        except TlsFileError as error:
            logger.error("the certificate has changed and cannot be used, the old one stays: %s", error)
        else:
            logger.info("new connections get the certificate that is in %s now", self.files.certificate)
