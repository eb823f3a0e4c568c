"""TLS by gRPC: the certificate of the server, as its files have it, and that of a client.

grpcio has its own TLS: it takes the texts of the files, asks at each connection whether there are new ones,
and either demands a certificate of each client or asks for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from modelport.http.client_certificate import ClientCertificate
from modelport.http.tls_files import Certificates


def credentials(certificates: Certificates) -> Any:
    """What a port of grpcio speaks TLS with. New connections get what `certificates` has then."""
    grpc: Any = import_module("grpc")
    last = certificates.context

    def configuration() -> Any:
        pem = certificates.files.texts()
        return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], pem.client_ca)

    def fetch() -> Any:
        nonlocal last
        if certificates.context is last:
            return None
        last = certificates.context
        return configuration()

    needs_client = certificates.files.client_ca is not None and certificates.files.needs_client
    return grpc.dynamic_ssl_server_credentials(configuration(), fetch, needs_client)


def client_certificate(context: Mapping[str, Sequence[bytes]]) -> ClientCertificate | None:
    """The certificate of a client, out of what grpcio says of the connection; `None` without one."""
    found = context.get("x509_pem_cert")
    if not found:
        return None
    return of_text(bytes(found[0]))


def of_text(pem: bytes) -> ClientCertificate | None:
    """The certificate of a PEM text, which TLS has verified; `None` for one that cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    from modelport.http.client_certificate import named

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        alternative: list[tuple[str, str]] = []
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = ()
        kinds: dict[Any, str] = {
            x509.UniformResourceIdentifier: "URI",
            x509.DNSName: "DNS",
            x509.RFC822Name: "email",
            x509.IPAddress: "IP Address",
        }
        for name in names:
            kind = kinds.get(type(name))
            if kind is not None:
                alternative.append((kind, str(name.value)))
        common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:
        return None
    return named(alternative, common, certificate.not_valid_after_utc.timestamp())
