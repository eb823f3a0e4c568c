"""Tokens before and after somebody has verified them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from modelport.identity.principals import AccessScope, Principal
from modelport.identity.tokens import (
    MAX_TOKEN,
    MOST_BYTES,
    MOST_TOKENS,
    Claims,
    InvalidToken,
    Tokens,
    Verified,
    unverified,
)


def part(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header: str | bytes = '{"alg":"none"}', claims: str | bytes = "{}", signature: str = "AA") -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.b",
        "..",
        token(signature=""),
        token() + ".AA.AA",
        token() + "\n",
        token().replace(".", " ."),
        token("[]"),
        token("null"),
        token(claims='"sub"'),
        token('{"alg":"RS256","alg":"none"}'),
        token(claims='{"iss":"a","iss":"b"}'),
        token(claims='{"a":{"iss":"a","iss":"b"}}'),
        token(claims='{"exp":NaN}'),
        token(claims='{"exp":Infinity}'),
        token(claims='{"exp":' + "9" * 5000 + "}"),
        token(claims="[" * 6000),
        token(claims=b'{"sub":"\xff"}'),
        token(claims="{}" + " " * MAX_TOKEN),
        part('{"alg":"RS256"}') + "=." + part("{}") + ".AA",
        "a.a.a",
    ],
)
def test_what_is_no_signed_token_is_refused_before_anybody_verifies_it(text: str) -> None:
    with pytest.raises(InvalidToken) as refused:
        unverified(text)
    assert not text or text not in str(refused.value)


def test_what_nobody_has_verified_is_read() -> None:
    header, claims = unverified(token('{"alg":"none"}', '{"iss":"é","n":1.5}'))
    assert header == {"alg": "none"}
    assert claims == {"iss": "é", "n": 1.5}


class Names:
    """Verifies whoever names themselves, until `end`."""

    def __init__(self, end: float, meanwhile: Callable[[], None] | None = None):
        self.end = end
        self.meanwhile = meanwhile
        self.asked = 0

    def knows(self, header: Claims, claims: Claims) -> bool:
        return claims.get("iss") == "names"

    async def verify(self, token: str) -> Verified:
        self.asked += 1
        if self.meanwhile is not None:
            self.meanwhile()
        name = unverified(token)[1]["sub"]
        return Verified(Principal(f"names:{name}", name, frozenset({AccessScope.READ})), self.end)


def of(name: str, **more: Any) -> str:
    return token(claims=json.dumps({"iss": "names", "sub": name, **more}))


def find(tokens: Tokens, text: str) -> Principal:
    return asyncio.run(tokens.find(text, text.encode()))


def test_a_verified_token_is_known_until_it_expires() -> None:
    now = 100.0
    tokens = Tokens(lambda: now)
    names = Names(200.0)
    tokens.verifiers.append(names)
    assert find(tokens, of("ada")).name == "ada"
    known = tokens.known(of("ada").encode())
    assert known is not None
    assert known.name == "ada"
    assert tokens.known(of("bob").encode()) is None
    now = 200.0
    assert tokens.known(of("ada").encode()) is None
    with pytest.raises(InvalidToken, match="expired"):
        find(tokens, of("ada"))


def test_a_token_of_nobody_that_is_known_is_refused() -> None:
    tokens = Tokens()
    with pytest.raises(InvalidToken, match="issuer"):
        find(tokens, of("ada"))
    tokens.verifiers.append(Names(1e12))
    for claims in ("{}", '{"iss":["names"]}', '{"iss":"other"}'):
        with pytest.raises(InvalidToken, match="issuer"):
            find(tokens, token(claims=claims))


def test_what_is_remembered_is_bounded() -> None:
    tokens = Tokens()
    tokens.verifiers.append(Names(1e12))
    find(tokens, of("ada"))
    long = of("long", more="x" * MOST_BYTES)
    find(tokens, long)
    assert tokens.known(long.encode()) is None
    assert tokens.known(of("ada").encode()) is not None
    for number in range(MOST_TOKENS):
        find(tokens, of(str(number)))
    assert tokens.known(of("ada").encode()) is None
    assert tokens.known(of("0").encode()) is not None


def test_what_is_forgotten_is_verified_anew() -> None:
    tokens = Tokens()
    names = Names(1e12)
    tokens.verifiers.append(names)
    for name in ("ada", "bob"):
        find(tokens, of(name))
    tokens.forget("names:ada")
    assert tokens.known(of("ada").encode()) is None
    assert tokens.known(of("bob").encode()) is not None
    tokens.forget()
    assert tokens.known(of("bob").encode()) is None
    names.meanwhile = tokens.forget
    assert find(tokens, of("ada")).name == "ada"
    assert tokens.known(of("ada").encode()) is None
