"""Tokens of users that are forged, changed, or of another time or use: none of them is believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from serving import serving
from user_site import MODEL, Site, client_of, logged_in

from modelport.storage.data_folder import DATABASE


class Forger:
    """Somebody who has a token, and even the key that it was signed with."""

    def __init__(self, site: Site):
        self.site = site
        self.token = logged_in(site.server, "anna")["access_token"]
        self.header: dict[str, Any] = jwt.get_unverified_header(self.token)
        self.claims: dict[str, Any] = jwt.decode(self.token, options={"verify_signature": False})
        with sqlite3.connect(site.data / DATABASE) as database:
            private = database.execute("SELECT private FROM signing_keys").fetchone()[0]
        database.close()
        self.key = Ed25519PrivateKey.from_private_bytes(private)

    def signed(self, key: Ed25519PrivateKey | None = None, header: Any = None, **claims: Any) -> str:
        """A token that is like the real one but for this; a claim that is `None` is left out."""
        changed = {name: value for name, value in (self.claims | claims).items() if value is not None}
        return jwt.encode(changed, key or self.key, "EdDSA", self.header | (header or {}))

    def status(self, token: str) -> int:
        with client_of(self.site.server, token) as client:
            return client.get("/v2/me").status_code


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forger]:
    data: Path = tmp_path_factory.mktemp("data")
    with serving(MODEL, "--auth", "on", "--data-dir", str(data)) as server:
        site = Site(server, data)
        site.user("other", "admin")
        yield Forger(site)
        site.admin.close()
        site.page.close()


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_token_that_is_like_the_real_one_is_believed(forger: Forger) -> None:
    assert (
        forger.status(forger.token) == forger.status(forger.signed()) == 200
    )  # so the others fail for cause


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_a_token_without_a_signature_is_none(forger: Forger, algorithm: str) -> None:
    parts = f"{encoded(forger.header | {'alg': algorithm})}.{encoded(forger.claims)}"
    for signature in ("", ".", f".{forger.token.rpartition('.')[2]}"):
        assert forger.status(parts + signature) == 401


def test_the_public_key_is_no_secret_of_another_algorithm(forger: Forger) -> None:
    public = forger.key.public_key()
    for secret in (
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        b"",
    ):
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            signed = f"{encoded(forger.header | {'alg': algorithm})}.{encoded(forger.claims)}"
            signature = hmac.new(secret, signed.encode(), digest).digest()
            assert forger.status(f"{signed}.{encoded(signature)}") == 401


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "0" * 32},
        {"kid": "../../dev/null"},
        {"kid": "' OR '1'='1"},
        {"kid": None},
        {"kid": 7},
        {"kid": "a" * 5000},
        {"typ": "JWT"},
        {"typ": "session+jwt"},
        {"typ": None},
        {"crit": ["exp"]},
    ],
)
def test_a_header_that_names_something_else_is_refused(forger: Forger, header: dict[str, Any]) -> None:
    signing = {"alg": "EdDSA"} | {k: v for k, v in (forger.header | header).items() if v is not None}
    signed = f"{encoded(signing)}.{encoded(forger.claims)}"
    assert forger.status(f"{signed}.{encoded(forger.key.sign(signed.encode()))}") == 401


def test_a_key_that_the_token_brings_along_is_not_used(forger: Forger) -> None:
    own = Ed25519PrivateKey.generate()
    point = encoded(own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    brought = {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": point}}
    for header in ({}, brought, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/"}):
        assert forger.status(forger.signed(own, header)) == 401


@pytest.mark.parametrize(
    "claims",
    [
        lambda now: {"exp": now - 60},
        {"exp": None},
        {"exp": "tomorrow"},
        lambda now: {"nbf": now + 600},
        {"nbf": None},
        lambda now: {"iat": now + 600},
        {"aud": "modelport-page"},
        {"aud": "another"},
        {"aud": None},
        {"iss": "urn:modelport"},
        {"iss": None},
        {"sub": None},
        {"sub": "user:" + "0" * 12},
        {"sub": ["user:1"]},
        {"sid": None},
        {"sid": "0" * 32},
        {"sid": {"a": 1}},
        {"jti": None},
    ],
)
def test_what_is_signed_right_and_says_something_wrong_is_refused(
    forger: Forger, claims: dict[str, Any] | Callable[[float], dict[str, Any]]
) -> None:
    said = claims(time.time()) if callable(claims) else claims  # tests are collected long before they run
    header, payload = forger.header, forger.claims | said
    payload = {name: value for name, value in payload.items() if value is not None}
    signed = f"{encoded(header)}.{encoded(payload)}"
    assert forger.status(f"{signed}.{encoded(forger.key.sign(signed.encode()))}") == 401


def test_the_session_of_one_is_not_that_of_another(forger: Forger) -> None:
    other = forger.site.admin.get("/v2/users/other").json()["subject"]
    assert forger.status(forger.signed(sub=other)) == 401


def test_a_token_that_was_changed_by_a_byte_is_refused(forger: Forger) -> None:
    head, claims, signature = forger.token.split(".")
    for changed in (
        f"{head}.{claims}.{signature[:-8]}",
        f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        f"{head}.{encoded(forger.claims | {'x': 1})}.{signature}",
        f"{head}.{claims}",
        f"{forger.token}.{signature}",
        forger.token + "=",
    ):
        assert forger.status(changed) == 401


def test_a_token_that_is_huge_or_no_json_is_refused_soon(forger: Forger) -> None:
    for part in (b"[" * 8000, b'{"iss":"urn:modelport:users","iss":"x"}', b"\xff", b"7"):
        assert forger.status(f"{encoded(part)}.{encoded(part)}.AAAA") == 401
    assert forger.status(forger.signed(padding="x" * 20_000)) == 401
