"""An issuer of tokens: where its doors are, and the keys by which it signs.

What can go wrong, and what answers it:

- *The issuer is down when the server starts.* The start waits for nothing; tokens are answered 503 until the
  keys are known.
- *It is down later.* Keys that are known go on for `MAX_AGE_SECONDS`.
- *It is slow.* One question is under way at a time, and all who need the answer wait for that one, no longer
  than its deadline. Keys that are known are used meanwhile, unless they are too old.
- *It signs with a new key.* A key that is not known is asked for, at most once in `COOL_DOWN_SECONDS`: names
  of keys are the sender's to invent.
- *It withdraws a key.* The keys are asked for again after `FRESH_SECONDS` of use; what was verified by others
  is forgotten (`changed`), and in any case verified anew now and then.
- *Its document names another issuer, or a door on this machine.* It is not taken (OpenID Connect Discovery,
  4.3).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple, cast

from modelport.identity.oidc.fetching import Fetcher, IssuerFailed
from modelport.identity.oidc.signing_keys import SigningKeys
from modelport.identity.tokens import InvalidToken, VerifierUnavailable

log = logging.getLogger("modelport.identity")

COOL_DOWN_SECONDS = 5.0
FRESH_SECONDS = 600.0
MAX_AGE_SECONDS = 86400.0
WELL_KNOWN = "/.well-known/openid-configuration"
AWAY = "the issuer of tokens cannot be asked now: try again later"


class Doors(NamedTuple):
    """Where an issuer is asked for what. Those that it need not have are empty."""

    keys: str
    authorization: str
    token: str
    user: str
    end: str
    secret_in_form: bool
    names_itself: bool


class Issuer:
    """The issuer of this name. `changed` is called when its keys have; `clock` tells seconds."""

    def __init__(
        self,
        name: str,
        algorithms: frozenset[str],
        fetcher: Fetcher,
        changed: Callable[[], None],
        clock: Callable[[], float] = monotonic,
    ):
        self.name = name
        self.fetcher = fetcher
        self._algorithms = algorithms
        self._changed = changed
        self._clock = clock
        self._doors: Doors | None = None
        self._keys = SigningKeys({}, algorithms)
        self._keys_at = float("-inf")
        self._asked_at = float("-inf")
        self._failed = False  # when it was asked last
        self._asking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ask for the keys, and wait for nothing."""
        self._ask()

    async def stop(self) -> None:
        """Ask no more."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await self.fetcher.close()

    async def key(self, key_id: str | None, algorithm: str) -> Any:
        """The key of this id that verifies the algorithm.

        Raises `InvalidToken` if the issuer has none, `VerifierUnavailable` if that cannot be told now.
        """
        if self._age > MAX_AGE_SECONDS:
            await self._ask_and_wait()
            if self._age > MAX_AGE_SECONDS:
                raise VerifierUnavailable(AWAY)
        elif self._age > FRESH_SECONDS:
            self._ask()
        found = self._keys.find(key_id, algorithm)
        if found is None:
            await self._ask_and_wait()
            found = self._keys.find(key_id, algorithm)
        if found is None and self._failed:
            raise VerifierUnavailable(AWAY)
        if found is None:
            raise InvalidToken("it is signed by no key of its issuer")
        return found

    async def doors(self) -> Doors:
        """Where it is asked for what. Raises `VerifierUnavailable`."""
        if self._doors is None:
            await self._ask_and_wait()
        if self._doors is None:
            raise VerifierUnavailable(AWAY)
        return self._doors

    @property
    def _age(self) -> float:
        return self._clock() - self._keys_at

    def _ask(self) -> None:
        """Ask for the keys, unless somebody does, or has just done so."""
        if self._asking is None and self._clock() - self._asked_at >= COOL_DOWN_SECONDS:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._learn())

    async def _ask_and_wait(self) -> None:
        self._ask()
        if self._asking is not None:
            await asyncio.wait([self._asking])

    async def _learn(self) -> None:
        try:
            self._doors = await self._find_doors()
            keys = SigningKeys(await self.fetcher.get(self._doors.keys), self._algorithms)
            if not keys:
                raise IssuerFailed(f"{self._doors.keys} has no key that can be used")
            self._take(keys)
            self._failed = False
        except IssuerFailed as error:
            self._failed = True
            log.warning("the issuer %s cannot be used now: %s", self.name, error)
        except Exception:  # a bug: what is known grows old, and then no token is taken; never for ever
            self._failed = True
            log.exception("the keys of the issuer %s could not be read", self.name)
        finally:
            self._asking = None

    def _take(self, keys: SigningKeys) -> None:
        before, self._keys, self._keys_at = self._keys, keys, self._clock()
        if not keys.is_same(before):
            log.info("the issuer %s signs with %d keys that can be used", self.name, len(keys))
            if before:  # else nothing was verified by them
                self._changed()

    async def _find_doors(self) -> Doors:
        found = await self.fetcher.get(self.name.rstrip("/") + WELL_KNOWN)
        if found.get("issuer") != self.name:
            raise IssuerFailed(
                f"it calls itself {str(found.get('issuer'))[:200]!r}; oidc_issuer must be the same"
            )
        methods = _list_in(found, "token_endpoint_auth_methods_supported")
        return Doors(
            keys=self.fetcher.check(found.get("jwks_uri"), "jwks_uri"),
            authorization=self._door(found, "authorization_endpoint"),
            token=self._door(found, "token_endpoint"),
            user=self._door(found, "userinfo_endpoint"),
            end=self._door(found, "end_session_endpoint"),
            secret_in_form="client_secret_post" in methods and "client_secret_basic" not in methods,
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _door(self, document: Mapping[str, Any], name: str) -> str:
        found = document.get(name)
        return self.fetcher.check(found, name) if found else ""


def _list_in(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    return cast("list[Any]", found) if isinstance(found, list) else []
