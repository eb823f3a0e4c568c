"""TLS: can its files be used, and for how long?"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modelport.api.listening import tls_files_of
from modelport.cli.doctor.seen import Seen
from modelport.http.tls_files import TlsFileError
from modelport.settings import Settings

SUBJECT = "tls"
SOON = timedelta(days=14)  # certbot renews a month before the end


def seen_of_certificates(settings: Settings) -> Iterator[Seen]:
    """What there is to say of the certificate, its key, and the authorities of clients."""
    files = tls_files_of(settings)
    if files is None:
        return
    try:
        files.context()
    except TlsFileError as error:
        yield Seen(
            SUBJECT, "error", str(error), "correct the file or the setting; the server does not start so"
        )
        return
    yield from _ends("tls_cert", files.certificate)
    if files.client_ca is not None:
        yield from _ends("tls_client_ca", files.client_ca)
    key = files.key or files.certificate
    if stat.S_IMODE(key.stat().st_mode) & stat.S_IROTH:
        yield Seen(SUBJECT, "warning", f"tls_key: everybody can read {key}", f"chmod 600 {key}")


def _ends(setting: str, path: Path) -> Iterator[Seen]:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        yield Seen(SUBJECT, "warning", f"{setting}: {path} cannot be looked at: {error}", "make it anew")
        return
    now = datetime.now(UTC)
    for certificate in found:
        who = certificate.subject.rfc4514_string() or "a certificate"
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        said = f"{setting}: {who} in {path} holds until {last:%Y-%m-%d %H:%M} UTC"
        if last <= now:
            yield Seen(SUBJECT, "error", f"{setting}: {who} in {path} ended on {last:%Y-%m-%d}", "renew it")
        elif first > now:
            yield Seen(
                SUBJECT, "error", f"{setting}: {who} in {path} begins on {first:%Y-%m-%d %H:%M} UTC only",
                "set the clock, or wait",
            )  # fmt: skip
        elif last - now < SOON:
            yield Seen(
                SUBJECT, "warning", said, "renew it; the server takes the new one without being started anew"
            )
        else:
            yield Seen(SUBJECT, "ok", said)
