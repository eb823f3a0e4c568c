"""TLS: whom the server is, and whom its clients are, by certificates."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.certificate_holders import wrong_holders
from modelport.settings.declaring import setting, words_of


class ClientCertificates(StrEnum):
    """Whether a client must have a certificate of `tls_client_ca`."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """TLS."""

    tls_cert: str | None = setting(
        None,
        "speak HTTPS with this certificate: a PEM file, with the certificates between it and its authority "
        "behind it; read anew when it changes",
        heading="TLS",
        of="server",
        is_path=True,
    )
    tls_key: str | None = setting(
        None, "the private key, a PEM file (default: in the file of tls_cert)", of="server", is_path=True
    )
    tls_key_password_file: str | None = setting(
        None, "file with the password of tls_key, if that has one", of="server", is_path=True
    )
    tls_key_password: str | None = setting(
        None,
        "the password itself, best as the variable MODELPORT_TLS_KEY_PASSWORD: options are seen by others",
        of="server",
        secret=True,
    )
    tls_client_ca: str | None = setting(
        None, "know clients by certificates of the authorities in this PEM file", of="server", is_path=True
    )
    tls_client_certs: str = setting(
        ClientCertificates.REQUIRED.value,
        "required: who has no such certificate cannot connect; optional: a key will do, too",
        choices=words_of(ClientCertificates),
        normal=str.lower,
        of="server",
    )
    tls_clients: dict[str, str] = setting(
        {},
        "what holders of certificates may do, by a name in those (cn, dns, uri, email or ip), such as "
        "dns:shop.example=predict read on iris; * is whoever has one",
        of="server",
        wrong=wrong_holders,
    )
