"""Tokens of another issuer: what is taken, and what is not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from issuer import AUDIENCE, Issuer, Key, issuing
from serving import MODELS, serving, wait_until

from modelport.identity.oidc import issuer as issuers
from modelport.identity.oidc.claims import Grants
from modelport.identity.oidc.fetching import Fetcher, IssuerFailed
from modelport.identity.oidc.verifier import OidcVerifier, Rules
from modelport.identity.principals import AccessScope, Principal
from modelport.identity.tokens import InvalidToken, Tokens, VerifierUnavailable

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
GRANTS = {"*": "predict", "groups:lab": "read on iris", "realm_access.roles:boss": "admin"}


@pytest.fixture(scope="module")
def one() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def own() -> Iterator[Issuer]:
    """One whose keys a test may change, and which it may end."""
    with issuing() as issuer:
        yield issuer


class Known:
    """What a server knows of an issuer, with a clock of its own."""

    def __init__(self, issuer: Issuer, deadline: float = 10.0):
        self.tokens = Tokens()
        self.now = 1000.0
        self.issuer = issuers.Issuer(
            issuer.url, ALGORITHMS, Fetcher(issuer.url, deadline), self.tokens.forget, lambda: self.now
        )
        rules = Rules(frozenset({AUDIENCE, "others"}), ALGORITHMS, Grants(GRANTS))
        self.tokens.verifiers.append(OidcVerifier(self.issuer, rules))

    async def find(self, token: str) -> Principal:
        return await self.tokens.find(token, token.encode())


@contextlib.asynccontextmanager
async def knowing(issuer: Issuer, deadline: float = 10.0) -> AsyncIterator[Known]:
    known = Known(issuer, deadline)
    try:
        yield known
    finally:
        await known.issuer.stop()


def run(issuer: Issuer, asked: Callable[[Known], Coroutine[Any, Any, Any]], deadline: float = 10.0) -> Any:
    async def all_of_it() -> Any:
        async with knowing(issuer, deadline) as known:
            return await asked(known)

    return asyncio.run(all_of_it())


def found(issuer: Issuer, token: str) -> Principal:
    return run(issuer, lambda known: known.find(token))


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@pytest.mark.parametrize("header", [{}, {"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"x5t": "a"}])
def test_a_token_is_its_subject_whatever_signs_it(
    one: Issuer, algorithm: str, header: dict[str, Any]
) -> None:
    principal = found(one, one.token(algorithm, header, aud=["a", AUDIENCE]))
    assert principal.id == f"oidc:{one.url}#u-1"
    assert principal.name == "ada"
    assert principal.may(AccessScope.PREDICT)
    assert not principal.may(AccessScope.READ, "iris")


def test_claims_grant_scopes(one: Issuer) -> None:
    lab = found(one, one.token(groups=["lab", "other"], realm_access={"roles": ["worker"]}))
    assert lab.may(AccessScope.PREDICT, "churn")
    assert lab.may(AccessScope.READ, "iris")
    assert not lab.may(AccessScope.READ, "churn")
    assert not lab.may_everywhere(AccessScope.READ)
    boss = found(one, one.token(realm_access={"roles": ["worker", "boss"]}))
    assert boss.may_everywhere(AccessScope.ADMIN)


@pytest.mark.parametrize(
    ("table", "claims", "may"),
    [
        ({"a.b:x": "read"}, {"a": {"b": "x"}}, True),
        ({"a.b:x": "read"}, {"a.b": ["x"]}, True),
        ({"a.b:x": "read"}, {"a": {"b": {"x": True}}}, False),
        ({"a.b:x": "read"}, {"a": "b"}, False),
        ({"https://example.org/roles:x": "read"}, {"https://example.org/roles": ["x"]}, True),
        ({"e:urn:a:role=member#b": "read"}, {"e": ["urn:a:role=member#b"]}, True),
        ({"scope:models": "read"}, {"scope": "openid models"}, True),
        ({"scope:models": "read"}, {"scope": "openid models-not"}, False),
        ({"groups:lab": "read"}, {"groups": "lab collab"}, False),
        ({"groups:lab": "read"}, {"groups": ["LAB", None, 1, {"lab": 1}]}, False),
        ({"email_verified:true": "read"}, {"email_verified": True}, True),
        ({"email_verified:true": "read"}, {"email_verified": 1}, False),
        ({"*": "read"}, {}, True),
        ({}, {}, False),
    ],
)
def test_a_claim_grants_what_the_table_says(table: dict[str, str], claims: dict[str, Any], may: bool) -> None:
    grants = Grants(table).of(claims)
    assert any(grant.has(AccessScope.READ, None) for grant in grants) is may


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(issuer: Issuer, header: Any, signature: str | None = None, **changes: Any) -> str:
    """A token with any header; its signature is that of RS256 over what is sent, if it is not given."""
    text = f"{encoded(header)}.{encoded(issuer.claims(**changes))}"
    if signature is None:
        signature = issuer.keys["RS256"].sign(issuer.claims(**changes)).split(".")[2]
    return f"{text}.{signature}"


def as_secret(issuer: Issuer, algorithm: str, form: PublicFormat, encoding: Encoding) -> str:
    """A token whose HMAC has the public key, which anybody has, for its secret."""
    public = issuer.keys["RS256"].private.public_key().public_bytes(encoding, form)
    text = f"{encoded({'alg': algorithm, 'kid': 'rs256', 'typ': 'JWT'})}.{encoded(issuer.claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{text}.{encoded(hmac.digest(public, text.encode(), digest))}"


def of_stranger(issuer: Issuer, **header: Any) -> str:
    """A token of somebody who has made a key of the same id."""
    key = Key("rs256", "RS256", rsa.generate_private_key(65537, 2048))
    if header.pop("brings", False):
        header["jwk"] = key.jwk
    return key.sign(issuer.claims(), **header)


def now() -> int:
    """Asked by the test itself: what is computed when tests are collected is old when they run."""
    return int(time.time())


ATTACKS: dict[str, Callable[[Issuer], str]] = {
    **{
        f"alg {alg!r}": lambda one, alg=alg: by_hand(one, {"alg": alg, "kid": "rs256"})
        for alg in ("none", "None", "NONE", "nOnE", "", "HS256", "rs256", "RS256 ", "RS1", None, 1, ["RS256"])
    },
    "no alg": lambda one: by_hand(one, {"kid": "rs256"}),
    "alg none without a signature": lambda one: by_hand(one, {"alg": "none"}, ""),
    "no signature": lambda one: by_hand(one, {"alg": "RS256", "kid": "rs256"}, ""),
    "a signature cut off": lambda one: one.token().rpartition(".")[0],
    "a signature of nothing": lambda one: by_hand(one, {"alg": "RS256", "kid": "rs256"}, "AA"),
    "a signature of zeros (ES256)": lambda one: by_hand(
        one, {"alg": "ES256", "kid": "es256"}, encoded(bytes(64))
    ),
    "other claims": lambda one: _with_claims(one, sub="u-2"),
    **{
        f"{alg} with the public key as {said}": (
            lambda one, alg=alg, form=form, encoding=encoding: as_secret(one, alg, form, encoding)
        )
        for alg in ("HS256", "HS512")
        for said, form, encoding in (
            ("PEM", PublicFormat.SubjectPublicKeyInfo, Encoding.PEM),
            ("DER", PublicFormat.SubjectPublicKeyInfo, Encoding.DER),
            ("PKCS1", PublicFormat.PKCS1, Encoding.PEM),
        )
    },
    "PS256 by a key for RS256": lambda one: _resigned(one, "PS256"),
    "RS512, which is not allowed": lambda one: _resigned(one, "RS512"),
    "ES384, which is not allowed": lambda one: Key("es256", "ES384").sign(one.claims()),
    "another curve": lambda one: by_hand(
        one, {"alg": "ES256", "kid": "es256"}, Key("es256", "ES384").sign(one.claims()).split(".")[2]
    ),
    "a stranger's key": of_stranger,
    "a key that it brings": lambda one: of_stranger(one, brings=True),
    "a key that it leads to": lambda one: of_stranger(
        one, jku="http://127.0.0.1:1/keys", x5u="http://127.0.0.1:1"
    ),
    "a certificate that it brings": lambda one: of_stranger(one, x5c=["AAAA"]),
    **{
        f"kid {kid[:30]!r}": lambda one, kid=kid: of_stranger(one, kid=kid)
        for kid in (
            "../../../../dev/null", "/dev/null", "' OR '1'='1", "x' UNION SELECT 'AA';--", "a|whoami",
            "http://127.0.0.1:1/key", "\0", "a" * 5000, "unknown",
        )
    },
    "kid that is no text": lambda one: by_hand(one, {"alg": "RS256", "kid": ["rs256"]}),
    "crit": lambda one: one.token(header={"crit": ["exp"], "exp": 1}),
    "crit of something unknown": lambda one: one.token(header={"crit": ["x"], "x": 1}),
    "b64": lambda one: by_hand(one, {"alg": "RS256", "kid": "rs256", "b64": False, "crit": ["b64"]}),
    "a nested token": lambda one: one.token(header={"cty": "JWT"}),
    "an encrypted token": lambda one: ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), *"ABCD"]),
    "an encrypted token in three parts": lambda one: one.token(header={"enc": "A256GCM"}),
    "a compressed token": lambda one: one.token(header={"zip": "DEF"}),
    **{
        f"typ {typ!r}": lambda one, typ=typ: one.token(header={"typ": typ})
        for typ in ("logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE+JSON", "refresh+jwt")
    },
    "a token for logging out": lambda one: one.token(events={"backchannel-logout": {}}),
    "expired": lambda one: one.token(exp=now() - 3600),
    "no end": lambda one: one.token(exp=...),
    "not yet": lambda one: one.token(nbf=now() + 3600),
    "issued in the far future": lambda one: one.token(iat=now() + 10**8),
    **{
        f"{name} is {said}": lambda one, name=name, value=value: one.token(**{name: value(now())})
        for name in ("exp", "nbf", "iat")
        for said, value in {
            "a text": lambda at: str(at + 300), "null": lambda _: None, "true": lambda _: True,
            "a list": lambda at: [at], "an object": lambda _: {},
            "an integer beyond floats": lambda _: 10**400, "beyond calendars": lambda _: 1e300,
        }.items()
    },
    **{
        f"aud {aud!r}": lambda one, aud=aud: one.token(aud=aud)
        for aud in (
            "other", AUDIENCE.upper(), f"{AUDIENCE} x", ["other"], [], [[AUDIENCE]], {AUDIENCE: 1}, None, "",
            [AUDIENCE, 1],
        )
    },
    "no aud": lambda one: one.token(aud=...),
    **{
        f"iss is {said}": lambda one, iss=iss: one.token(iss=iss(one))
        for said, iss in {
            "longer": lambda one: one.url + "/", "louder": lambda one: one.url.upper(),
            "another": lambda one: "https://example.org", "a list": lambda one: [one.url],
            "null": lambda one: None,
        }.items()
    },
    "no iss": lambda one: one.token(iss=...),
    **{
        f"sub {sub!r:.20}": lambda one, sub=sub: one.token(sub=sub)
        for sub in ("", None, 1, ["u-1"], "a" * 256, "a\nb", "\u202eada")
    },
    "huge": lambda one: one.token(more="a" * 100_000),
    "a member twice in the header": lambda one: by_hand(one, b'{"alg":"RS256","kid":"rs256","alg":"none"}'),
    "a member twice in the claims": lambda one: _twice(one),
    "JSON that is no object": lambda one: by_hand(one, ["RS256"]),
    "the JSON serialisation": lambda one: json.dumps({"payload": one.token().split(".")[1]}),
}  # fmt: skip


def _with_claims(one: Issuer, **changes: Any) -> str:
    header, _, signature = one.token().split(".")
    return f"{header}.{encoded(one.claims(**changes))}.{signature}"


def _resigned(one: Issuer, algorithm: str) -> str:
    return Key("rs256", algorithm, one.keys["RS256"].private).sign(one.claims())


def _twice(one: Issuer) -> str:
    claims = json.dumps(one.claims())[:-1] + ', "sub": "u-2"}'
    key = one.keys["RS256"]
    return jwt.api_jws.encode(claims.encode(), key.private, "RS256", {"kid": key.id})


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_token_that_proves_nothing_is_refused(one: Issuer, attack: str) -> None:
    token = ATTACKS[attack](one)

    async def asked(known: Known) -> None:
        good = await known.find(one.token())  # with its keys known
        assert good.name == "ada"
        with pytest.raises(InvalidToken) as refused:
            await known.find(token)
        assert token not in str(refused.value)
        assert known.tokens.known(token.encode()) is None

    run(one, asked)


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"alg": "RSA-OAEP"},
        {"alg": "ES256"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC"},
        {"n": ""},
        {"n": 1},
        {"d": "AQAB"},
        {"kid": 1},
    ],
)
def test_a_key_that_is_not_for_signing_verifies_nothing(own: Issuer, change: dict[str, Any]) -> None:
    own.keys["RS256"].more = change
    with pytest.raises(InvalidToken, match="no key"):
        found(own, own.token())
    assert found(own, own.token("ES256")).name == "ada"


def test_a_short_key_and_two_of_one_id_verify_nothing(own: Issuer) -> None:
    own.keys["RS256"] = Key("rs256", "RS256", rsa.generate_private_key(65537, 1024))
    with pytest.warns(match="1024 bits"), pytest.raises(InvalidToken, match="no key"):
        found(own, own.token())
    own.keys["RS256"] = Key("rs256", "RS256")
    own.extra_keys = [Key("rs256", "RS256", rsa.generate_private_key(65537, 2048)).jwk, {}, {"kty": "RSA"}, 1]
    with pytest.raises(InvalidToken, match="no key"):
        found(own, own.token())


def test_without_a_key_id_the_only_key_counts(own: Issuer) -> None:
    assert found(own, own.token("ES256", {"kid": None})).name == "ada"
    own.extra_keys = [Key("second", "ES256").jwk]
    with pytest.raises(InvalidToken, match="no key"):
        found(own, own.token("ES256", {"kid": None}))


def test_a_new_key_is_asked_for_at_most_now_and_then(own: Issuer) -> None:
    async def asked(known: Known) -> None:
        await known.find(own.token())
        own.rotate()
        with pytest.raises(InvalidToken, match="no key"):
            await known.find(own.token())  # it was asked just now
        known.now += issuers.COOL_DOWN_SECONDS
        before = len(own.asked)
        everybody = [known.find(own.token(sub=f"u-{number}")) for number in range(20)]
        assert len({principal.id for principal in await asyncio.gather(*everybody)}) == 20
        for number in range(20):
            with pytest.raises(InvalidToken):
                await known.find(own.token(header={"kid": f"invented {number}"}))
        assert len(own.asked) - before == 2  # its document and its keys

    run(own, asked)


def test_what_was_verified_by_a_key_that_is_withdrawn_is_forgotten(own: Issuer) -> None:
    async def asked(known: Known) -> None:
        token = own.token()
        await known.find(token)
        assert known.tokens.known(token.encode()) is not None
        own.rotate()
        known.now += issuers.FRESH_SECONDS + 1
        await known.find(own.token("ES256"))  # which does not wait for the new ones
        await known.find(own.token())
        assert known.tokens.known(token.encode()) is None
        known.now += issuers.COOL_DOWN_SECONDS
        with pytest.raises(InvalidToken, match="no key"):
            await known.find(token)

    run(own, asked)


def test_keys_that_are_known_go_on_while_the_issuer_is_away_but_not_for_ever(own: Issuer) -> None:
    async def asked(known: Known) -> None:
        await known.find(own.token())
        own.end()
        known.now += issuers.MAX_AGE_SECONDS - 1
        assert (await known.find(own.token())).name == "ada"
        await asyncio.sleep(0)
        known.now += issuers.COOL_DOWN_SECONDS
        with pytest.raises(VerifierUnavailable):
            await known.find(own.token())
        own.begin()
        known.now += issuers.COOL_DOWN_SECONDS
        assert (await known.find(own.token())).name == "ada"

    run(own, asked)


def test_an_issuer_that_was_never_there_cannot_be_believed(own: Issuer) -> None:
    own.end()

    async def asked(known: Known) -> None:
        for _ in range(3):
            with pytest.raises(VerifierUnavailable, match="cannot be asked"):
                await known.find(own.token())
        own.begin()
        known.now += issuers.COOL_DOWN_SECONDS
        assert (await known.find(own.token())).name == "ada"

    run(own, asked)


def test_an_issuer_that_does_not_answer_keeps_nobody_waiting_beyond_the_deadline(own: Issuer) -> None:
    own.gate.clear()

    async def asked(known: Known) -> None:
        with pytest.raises(VerifierUnavailable):
            await known.find(own.token())

    run(own, asked, deadline=0.2)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("keys", (302, {"location": "http://127.0.0.1:1/keys"}, b"")),
        ("keys", (200, {}, b"{}" + b" " * (2 << 20))),
        ("keys", (200, {"content-encoding": "gzip"}, b"{}")),
        ("keys", (200, {}, b"not JSON")),
        ("keys", (200, {}, b"[" * 100_000)),
        ("keys", (200, {}, b'{"keys": {}}')),
        ("keys", (200, {}, b'{"keys": []}')),
        ("keys", (500, {}, b"{}")),
        (".well-known/openid-configuration", (200, {}, b"{}")),
        (".well-known/openid-configuration", (302, {"location": "/keys"}, b"")),
    ],
)
def test_an_issuer_is_believed_what_it_says_in_the_form_that_it_has(
    own: Issuer, path: str, answer: tuple[int, dict[str, str], bytes]
) -> None:
    own.raw[path] = answer
    with pytest.raises(VerifierUnavailable):
        found(own, own.token())


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://example.org"},
        {"issuer": None},
        {"jwks_uri": "http://example.org/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"jwks_uri": ["http://127.0.0.1/keys"]},
        {"token_endpoint": "http://user@127.0.0.1/token"},
    ],
)
def test_a_document_that_leads_elsewhere_is_not_taken(own: Issuer, changes: dict[str, Any]) -> None:
    own.changes = changes
    with pytest.raises(VerifierUnavailable):
        found(own, own.token())


def test_an_issuer_elsewhere_leads_to_nothing_on_this_machine() -> None:
    fetcher = Fetcher("https://login.example.org")
    assert fetcher.check("https://keys.example.com/a", "jwks_uri")
    for url in ("https://127.0.0.1/keys", "https://localhost:1/", "http://127.0.0.1:6379/", "https://[::1]/"):
        with pytest.raises(IssuerFailed):
            fetcher.check(url, "jwks_uri")


def test_certificates_that_cannot_be_read_are_a_reason_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))

    async def asked() -> None:
        fetcher = Fetcher("https://login.example.org")
        for _ in range(2):
            with pytest.raises(IssuerFailed, match="certificates"):
                await fetcher.get("https://login.example.org/keys")
        await fetcher.close()

    asyncio.run(asked())


@pytest.mark.slow
def test_a_server_starts_without_its_issuer_and_learns_its_keys_later(own: Issuer, tmp_path: Path) -> None:
    own.end()
    issuer = ("--oidc-issuer", own.url, "--oidc-audience", AUDIENCE, "--oidc-scopes", "*=predict")
    model = f"echo={MODELS / 'echoes.py'}:Echo"
    with serving(model, "--auth", "on", "--data-dir", str(tmp_path), *issuer) as server:

        def status(token: str) -> int:
            headers = {"authorization": f"Bearer {token}"}
            return server.client.post("/v2/models/echo/predict", json={}, headers=headers).status_code

        token = own.token()
        assert status(token) == 503
        own.begin()
        wait_until(lambda: status(token) == 200, lambda: server.log)
        assert status(token) == 200  # by the fast path
        own.end()
        assert status(token) == status(own.token(sub="u-2")) == 200
        own.begin()
        own.rotate()
        wait_until(lambda: status(own.token()) == 200, lambda: server.log)
        assert status(token) == 401  # its key was withdrawn
