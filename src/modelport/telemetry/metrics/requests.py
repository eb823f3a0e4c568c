"""Counts requests and their answers. It hears of each in the hot path, and so only adds to plain numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from modelport.histogram import Histogram
from modelport.telemetry.exchanges import Alike, Count, Exchange
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.text import Page

MOST_VERSIONS = 32  # of a model, that are counted apart
OF_BEFORE = -1  # the version of those that are counted apart no longer
OTHER = "other"


class _Key(NamedTuple):
    """What requests have in common that are counted together."""

    model: str
    version: int
    verb: str
    dialect: str
    status: int
    streamed: bool


class _Slot(Histogram):
    """What was counted of them: the seconds, and the bytes of bodies."""

    __slots__ = ("bytes_in", "bytes_out", "is_merged")

    def __init__(self, streamed: bool):
        super().__init__(of.STREAM_BOUNDS if streamed else of.REQUEST_BOUNDS)
        self.bytes_in = self.bytes_out = 0
        self.is_merged = False  # into another one, which counts in its place


class ToldRequests(Histogram):
    """What was counted of requests of one kind, with their bytes, by status and by version and status."""

    __slots__ = ("by_status", "by_version", "bytes_in", "bytes_out")

    def __init__(self, bounds: tuple[float, ...]):
        super().__init__(bounds)
        self.bytes_in = self.bytes_out = 0
        self.by_status: Counter[int] = Counter()
        self.by_version: Counter[tuple[int, int]] = Counter()


class Took(NamedTuple):
    """How many there were, and the seconds that all of them took."""

    times: int = 0
    seconds: float = 0.0


class RequestCounts:
    """Hears of exchanges, and shows what it has counted."""

    def __init__(self) -> None:
        # By tuples, which are cheaper to make for each request than keys with names.
        self._slots: dict[tuple[str, int, str, str, int, bool], _Slot] = {}
        self._other: Counter[tuple[str, int]] = Counter()
        self._tokens: Counter[tuple[str, str]] = Counter()  # by model and kind

    def hear(self, exchange: Exchange) -> None:
        """Count one."""
        if not exchange.verb:
            self._other[exchange.route or OTHER, exchange.status] += 1
            return
        key = (
            exchange.model,
            exchange.version,
            exchange.verb,
            exchange.dialect,
            exchange.status,
            exchange.streamed,
        )
        slot = self._slots.get(key)
        if slot is None:
            slot = self._new(_Key(*key))
        slot.counts[bisect_left(slot.bounds, exchange.seconds)] += 1
        slot.total += exchange.seconds
        slot.bytes_in += exchange.bytes_in
        slot.bytes_out += exchange.bytes_out
        if exchange.prompt_tokens or exchange.completion_tokens:
            self._tokens[exchange.model, "prompt"] += exchange.prompt_tokens
            self._tokens[exchange.model, "completion"] += exchange.completion_tokens

    def of(self, alike: Alike) -> Count:
        """What counts each one of these: no slot is looked up for it."""
        key = _Key(alike.model, alike.version, alike.verb, alike.dialect, 200, False)
        slot: _Slot | None = None

        def count(bytes_in: int, bytes_out: int, seconds: float, model_seconds: float) -> None:
            nonlocal slot
            if slot is None or slot.is_merged:
                slot = self._slots.get(key) or self._new(key)
            slot.counts[bisect_left(slot.bounds, seconds)] += 1
            slot.total += seconds
            slot.bytes_in += bytes_in
            slot.bytes_out += bytes_out

        return count

    def _new(self, key: _Key) -> _Slot:
        """A slot for what was not heard of before."""
        known = list(dict.fromkeys(version for model, version, *_ in self._slots if model == key.model))
        if key.version not in known:
            for version in [one for one in known if one != OF_BEFORE][: 1 - MOST_VERSIONS or None]:
                self._merge(key.model, version)
        slot = self._slots[key] = _Slot(key.streamed)
        return slot

    def _merge(self, model: str, version: int) -> None:
        """Count what was counted of a version with that of others before it."""
        for key in [_Key(*key) for key in self._slots if key[:2] == (model, version)]:
            slot = self._slots.pop(key)
            slot.is_merged = True
            into = self._slots.setdefault(key._replace(version=OF_BEFORE), _Slot(key.streamed))
            into.add(slot)
            into.bytes_in += slot.bytes_in
            into.bytes_out += slot.bytes_out

    def told(self, model: str) -> tuple[ToldRequests, ToldRequests]:
        """What was counted of one model, apart from its streams, and of those."""
        whole, streams = ToldRequests(of.REQUEST_BOUNDS), ToldRequests(of.STREAM_BOUNDS)
        for key, slot in self._slots.items():
            asked, version, _, _, status, is_stream = key
            if asked != model:
                continue
            into = streams if is_stream else whole
            into.add(slot)
            into.bytes_in += slot.bytes_in
            into.bytes_out += slot.bytes_out
            into.by_status[status] += sum(slot.counts)
            into.by_version[version, status] += sum(slot.counts)
        return whole, streams

    def predictions(self, model: str, version: int) -> tuple[Took, Took]:
        """The predictions of one version that have succeeded, and those that have not."""
        good, bad = Took(), Took()
        for (asked, of_version, verb, _, status, _), slot in self._slots.items():
            if (asked, of_version, verb) != (model, version, "predict"):
                continue
            if status < 400:
                good = Took(good.times + sum(slot.counts), good.seconds + slot.total)
            else:
                bad = Took(bad.times + sum(slot.counts), bad.seconds + slot.total)
        return good, bad

    def show(self, page: Page, loaded: Mapping[str, Collection[int]]) -> None:
        """Show all; by version, of those that are `loaded` of each model."""
        codes: Counter[tuple[str, ...]] = Counter()
        versions: Counter[tuple[str, ...]] = Counter()
        whole: dict[tuple[str, ...], _Slot] = {}
        streamed: dict[tuple[str, ...], _Slot] = {}
        for key, slot in self._slots.items():
            model, version, verb, dialect, status, is_stream = key
            count = sum(slot.counts)
            asked, code = (model, verb, dialect), str(status)
            codes[*asked, code] += count
            if version in loaded.get(model, ()):
                versions[model, str(version), code] += count
            into = (streamed if is_stream else whole).setdefault(asked, _Slot(is_stream))
            into.add(slot)
            into.bytes_in += slot.bytes_in
            into.bytes_out += slot.bytes_out
        for family, counts in ((of.REQUESTS, codes), (of.VERSION_REQUESTS, versions)):
            for values, count in counts.items():
                page.add(family, values, count)
        for family, slots in ((of.REQUEST_SECONDS, whole), (of.STREAM_SECONDS, streamed)):
            for values, slot in slots.items():
                page.histogram(family, values, slot)
        for asked in dict.fromkeys((*whole, *streamed)):
            both = [slots[asked] for slots in (whole, streamed) if asked in slots]
            page.add(of.REQUEST_BYTES, asked, sum(slot.bytes_in for slot in both))
            page.add(of.RESPONSE_BYTES, asked, sum(slot.bytes_out for slot in both))
        for of_model, count in self._tokens.items():
            page.add(of.TOKENS, of_model, count)
        for (route, status), count in self._other.items():
            page.add(of.OTHER_REQUESTS, (route, str(status)), count)
