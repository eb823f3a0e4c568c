"""TLS."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting


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
