"""An issuer of tokens on this machine: it signs with real keys, changes them, goes away, logs people in."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "models"
CLIENT_ID, CLIENT_SECRET = "modelport page", "s:cret & sound"
COMMAND_ID = "modelport command"  # a client without a secret, of programs on the machine of who logs in
REDIRECT_PATH = "/v2/login/oidc/callback"


class Key:
    """A key pair of the issuer. `more` is said of it in the set of keys."""

    def __init__(self, key_id: str, algorithm: str, private: Any = None, **more: Any):
        self.id = key_id
        self.algorithm = algorithm
        self.private: Any = private or _made(algorithm)
        self.more = more

    @property
    def jwk(self) -> dict[str, Any]:
        public = self.private.public_key()
        kind = {"RS": RSAAlgorithm, "PS": RSAAlgorithm, "ES": ECAlgorithm, "Ed": OKPAlgorithm}
        told = kind[self.algorithm[:2]].to_jwk(public, as_dict=True)
        return {**told, "kid": self.id, "alg": self.algorithm, "use": "sig", **self.more}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        sent = {"kid": self.id, **header}
        fields = {name: value for name, value in sent.items() if value}
        return jwt.api_jws.encode(json.dumps(claims).encode(), self.private, self.algorithm, fields)


def _made(algorithm: str) -> Any:
    if algorithm[:2] in ("RS", "PS"):
        return _rsa()
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
    return ec.generate_private_key(curves[algorithm]())


@cache
def _rsa() -> rsa.RSAPrivateKey:
    """The costliest to make: one for all."""
    return rsa.generate_private_key(65537, 2048)


class Issuer:
    """`asked` has the paths that it was asked for. While `gate` is cleared, it answers nobody."""

    def __init__(self) -> None:
        self.keys = {name: Key(name.lower(), name) for name in ("RS256", "ES256", "EdDSA", "PS256")}
        self.extra_keys: list[Any] = []
        self.changes: dict[str, Any] = {}  # of the document
        self.user: dict[str, Any] = {"sub": "u-1", "preferred_username": "ada", "groups": ["lab"]}
        self.user_info: dict[str, Any] = {}
        self.id_changes: dict[str, Any] = {}  # of ID tokens
        self.secret: str | None = CLIENT_SECRET
        self.raw: dict[str, tuple[int, dict[str, str], bytes]] = {}  # answers in place of others
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.revoked: list[str] = []
        self.gives_refresh = True
        self.lasts = 300
        self.denies = ""  # the error that whoever logs in comes back with
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.begin()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/realms/test"

    def begin(self) -> None:
        """Answer at the port that it had before."""
        handler = type("Bound", (_Handler,), {"issuer": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def end(self) -> None:
        """Be away."""
        self.gate.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def rotate(self, key_id: str = "new") -> None:
        """Sign RS256 with another key; the old one verifies no more."""
        self.keys["RS256"] = Key(key_id, "RS256", rsa.generate_private_key(65537, 2048))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token; what is changed to `...` is not there."""
        now = int(time.time())
        found = {
            "iss": self.url, "sub": "u-1", "aud": AUDIENCE, "iat": now, "exp": now + 300,
            "preferred_username": "ada", **changes,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not ...}

    def token(self, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changes: Any) -> str:
        return self.keys[algorithm].sign(self.claims(**changes), **(header or {}))

    def document(self) -> dict[str, Any]:
        doors = {"jwks_uri": "keys", "authorization_endpoint": "authorize", "token_endpoint": "token"}
        doors |= {"end_session_endpoint": "logout", "userinfo_endpoint": "userinfo"}
        doors |= {"revocation_endpoint": "revoke"}
        said: dict[str, Any] = {name: f"{self.url}/{path}" for name, path in doors.items()}
        said |= {"issuer": self.url, "authorization_response_iss_parameter_supported": True}
        return said | self.changes

    # --- logging in ----------------------------------------------------------------------------------

    def authorize(self, query: dict[str, str]) -> str:
        """Where who has logged in is sent back to."""
        there = urlsplit(query["redirect_uri"])
        if query["client_id"] == COMMAND_ID:
            assert (there.hostname, there.path) == ("127.0.0.1", "/callback")
        else:
            assert query["client_id"] == CLIENT_ID
            assert there.path.endswith(REDIRECT_PATH)
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        told = {"error": self.denies} if self.denies else {"code": code}
        back = {**told, "state": query["state"], "iss": self.url}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """What a code is worth: once, to its client, who knows what the challenge was made of."""
        if form.get("client_id") == COMMAND_ID and form.get("grant_type") == "refresh_token":
            return self._renewed(form.get("refresh_token", ""))
        if self.secret is not None and form.get("client_id") != COMMAND_ID:
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            if (unquote(pair[0].replace("+", " ")), unquote(pair[2].replace("+", " "))) != (
                CLIENT_ID,
                self.secret,
            ):
                return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            query is None
            or form.get("grant_type") != "authorization_code"
            or query["redirect_uri"] != form.get("redirect_uri")
            or query["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant"}
        if query["client_id"] == COMMAND_ID:
            return self._tokens()
        told = self.claims(aud=CLIENT_ID, nonce=query["nonce"], **self.user) | self.id_changes
        id_token = self.keys["RS256"].sign({k: v for k, v in told.items() if v is not ...})
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}

    def _tokens(self) -> tuple[int, dict[str, Any]]:
        """What a program is given; each token is another one."""
        token = self.token(**self.user, exp=int(time.time()) + self.lasts, jti=secrets.token_urlsafe(8))
        refresh = secrets.token_urlsafe(16)
        self.refresh_tokens.add(refresh)
        more = {"refresh_token": refresh} if self.gives_refresh else {}
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts, **more}

    def _renewed(self, refresh: str) -> tuple[int, dict[str, Any]]:
        """Other tokens for a refresh token, once."""
        if refresh not in self.refresh_tokens:
            return 400, {"error": "invalid_grant"}
        self.refresh_tokens.remove(refresh)
        return self._tokens()

    def revoke(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """End a refresh token."""
        assert form["client_id"] == COMMAND_ID
        self.refresh_tokens.discard(form["token"])
        self.revoked.append(form["token"])
        return 200, {}


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.issuer.asked.append(path)
        self.issuer.gate.wait(30)
        name = path.removeprefix("/realms/test/")
        if name in self.issuer.raw:
            self._send(*self.issuer.raw[name])
        elif name == ".well-known/openid-configuration":
            self._json(200, self.issuer.document())
        elif name == "keys":
            keys = [key.jwk for key in self.issuer.keys.values()] + self.issuer.extra_keys
            self._json(200, {"keys": keys})
        elif name == "authorize":
            back = self.issuer.authorize(dict(parse_qsl(query, keep_blank_values=True)))
            self._send(302, {"location": back}, b"")
        elif name == "userinfo" and self.headers["authorization"] == "Bearer opaque":
            self._json(200, self.issuer.user_info)
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        self.issuer.asked.append(self.path)
        self.issuer.gate.wait(30)
        body = self.rfile.read(int(self.headers["content-length"]))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        name = self.path.removeprefix("/realms/test/")
        if name in self.issuer.raw:
            self._send(*self.issuer.raw[name])
        elif name == "revoke":
            self._json(*self.issuer.revoke(form))
        else:
            self._json(*self.issuer.exchange(form, self.headers.get("authorization", "")))

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, {"content-type": "application/json"}, json.dumps(body).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer, while this lasts."""
    issuer = Issuer()
    try:
        yield issuer
    finally:
        issuer.end()


def trusting(issuer: Issuer, data: Path) -> tuple[str, ...]:
    """The options of a server with this data folder that takes the tokens of an issuer."""
    return "--auth", "on", "--data-dir", str(data), "--oidc-issuer", issuer.url, "--oidc-audience", AUDIENCE
