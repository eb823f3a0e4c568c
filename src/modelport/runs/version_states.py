"""The life of a version in memory: its states, the ways between them, and one record for each version.

What can go wrong, and what answers it:

- *It is unloaded under a request, or while it is to become live.* Whoever needs a version says so in its
  record: `users` are requests, `holders` are promotions, canaries and shadows. What has either, or a call
  that is not answered, is never among `unused`.
- *It is loaded twice.* Loading is a state, and the record has the one task that does it. All who ask wait for
  that task, and none of them ends it by leaving.
- *There are more than the machine has room for.* Places are counted by the records: what loads or is loaded
  beside the live one has one. A version that is held gets one in any case, and the next tidying evens it out.
- *All places are taken by what has calls still, and nobody asks again.* `busy` names those versions, whose
  last calls are waited for.
- *Its run was removed meanwhile.* `removed` stays in the record: nobody begins to use the version any more,
  and it goes with its last call.
- *The live one has failed.* Its record can load again, beside the pool that has failed, and become live anew.
- *It fails while it is to become live*, after it was loaded, and a request has it loaded again. The record
  says which pool the version has now, and that one becomes live, though it still loads. Whoever loads it sees
  by the state that it stands beside no longer, and neither moves nor unloads it.
- *Another one becomes live.* One call moves both records. The one that was live stays loaded, and counts as
  just used, so that the way back is short; where it never was ready it goes on loading; where it has no
  workers there is nothing to keep.
- *A request is faster than the start of the server*, and has a version loaded with which its model is about
  to begin. Then `began` finds a record that is not absent, and leaves it.
- *Records of versions that nobody knows any more pile up.* One that says nothing is forgotten, by whoever
  takes the last thing away that it said.

Why records, and not a set for each of these: whether a version may go depends on all of them in one moment.
Nothing here waits or starts anything, so there is nothing between question and change, and no lock;
`runs.versions` waits and starts, and asks here what may be. Which pool answers for a model also stands in the
engine, which the hot path asks and which knows nothing of versions; it is told in the same step. A promotion
that is under way and the traffic of a model are about models, not versions, and stand in `runs.promotion` and
`runs.canary`: what they need of a version is that it is held.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterator

from modelport.engine.ports import Pool

Key = tuple[str, int]


class VersionState(enum.StrEnum):
    """Where a version is in its life."""

    ABSENT = "absent"  # it has no workers
    LOADING = "loading"
    BESIDE = "beside"  # loaded, and answers those who ask for it by its number
    LIVE = "live"  # answers for its model


TRANSITIONS: dict[VersionState, frozenset[VersionState]] = {
    VersionState.ABSENT: frozenset({VersionState.LOADING, VersionState.LIVE}),
    # To live where it failed while it was to become that, and somebody had it loaded again.
    VersionState.LOADING: frozenset({VersionState.BESIDE, VersionState.LIVE, VersionState.ABSENT}),
    VersionState.BESIDE: frozenset({VersionState.LIVE, VersionState.ABSENT}),
    # To loading where it was not ready yet when another one took its place, or where it has failed.
    VersionState.LIVE: frozenset({VersionState.BESIDE, VersionState.LOADING, VersionState.ABSENT}),
}


class Resident:
    """What is known of one version while it is in memory, or somebody needs it to be."""

    __slots__ = ("holders", "key", "loader", "pool", "removed", "state", "used_at", "users")

    def __init__(self, key: Key):
        self.key = key
        self.state = VersionState.ABSENT
        self.pool: Pool | None = None
        self.loader: asyncio.Task[Pool] | None = None
        self.holders = 0  # what is live, or is to be, or has a share of the calls
        self.users = 0  # requests that are about it
        self.used_at = 0.0  # seconds of the loop's clock
        self.removed = False  # its run is gone

    def move(self, state: VersionState, pool: Pool | None) -> None:
        """Change the state. Raises `ValueError` for a change that there is not."""
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"version {self.key[1]} of {self.key[0]} cannot go from {self.state} to {state}")
        self.state = state
        self.pool = pool

    @property
    def is_kept(self) -> bool:
        """True if somebody needs it."""
        return bool(self.holders or self.users)

    @property
    def has_place(self) -> bool:
        """True if it has one of the places for versions that are not live."""
        return self.pool is not None and self.state is not VersionState.LIVE

    @property
    def is_unused(self) -> bool:
        """True if it can be unloaded now."""
        is_idle = self.pool is not None and self.pool.is_idle
        return self.has_place and self.loader is None and not self.is_kept and is_idle


class Residents:
    """The records of all versions of a server's models; `most` of them may be loaded beside the live ones."""

    def __init__(self, most: int):
        self.most = most
        self._records: dict[Key, Resident] = {}

    def __iter__(self) -> Iterator[Resident]:
        return iter(list(self._records.values()))

    def of(self, key: Key) -> Resident:
        """The record of a version, which is made if there is none."""
        if key not in self._records:
            self._records[key] = Resident(key)
        return self._records[key]

    def get(self, key: Key) -> Resident | None:
        """The record of a version, if there is one."""
        return self._records.get(key)

    def let_go(self, record: Resident) -> None:
        """Forget a record that says nothing any more."""
        nothing = record.state is VersionState.ABSENT and record.loader is None
        if nothing and not record.is_kept and not record.removed:
            self._records.pop(record.key, None)

    # -- changes -----------------------------------------------------------------------------------

    def began(self, pool: Pool) -> None:
        """A model's first pool, which answers for it from the start."""
        for record in self:
            if record.pool is pool:  # it was to begin with another version
                record.move(VersionState.ABSENT, None)
                self.let_go(record)
        record = self.of((pool.name, pool.version))
        if record.state is VersionState.ABSENT:  # else a request was faster, and has loaded it beside
            record.move(VersionState.LIVE, pool)

    def took_over(self, pool: Pool, before: Pool, now: float) -> None:
        """`pool` answers for its model, and `before` no longer; that stays loaded, if it has workers."""
        key = (before.name, before.version)
        record = self.of(key)
        if record.pool is before and record.state is VersionState.LIVE:
            if not before.state.may_have_workers:
                record.move(VersionState.ABSENT, None)
            elif before.signature is None:
                record.move(VersionState.LOADING, before)
            else:
                record.move(VersionState.BESIDE, before)
            record.used_at = now
        self.of((pool.name, pool.version)).move(VersionState.LIVE, pool)
        self.let_go(record)

    def reloaded(self, pool: Pool, before: Pool) -> None:
        """The same version answers for its model by another pool."""
        record = self.of((pool.name, pool.version))
        if record.pool is before and record.state is VersionState.LIVE:
            record.pool = pool
        self.let_go(record)

    def unloaded(self, record: Resident) -> Pool:
        """A version leaves; returns the pool that is to be stopped."""
        pool = record.pool
        assert pool is not None  # whoever has none has no place to leave
        record.move(VersionState.ABSENT, None)
        self.let_go(record)
        return pool

    # -- questions ---------------------------------------------------------------------------------

    def unused(self) -> list[Resident]:
        """The versions that can be unloaded now, the one first that was not used for longest."""
        return sorted((record for record in self if record.is_unused), key=lambda record: record.used_at)

    def busy(self) -> list[Resident]:
        """The versions that nobody keeps, but that have calls still. Who keeps one tidies at the end."""
        return [
            r for r in self if r.has_place and not r.is_kept and r.pool is not None and not r.pool.is_idle
        ]

    def over(self, more: int = 0) -> int:
        """How many versions are loaded beside the live ones above what may be, with so many more."""
        return max(sum(record.has_place for record in self) + more - self.most, 0)

    def to_unload(self) -> list[Resident]:
        """What is to go now: versions whose runs are gone, and what is more than may be kept."""
        unused = self.unused()
        gone = [record for record in unused if record.removed]
        rest = [record for record in unused if not record.removed]
        return gone + rest[: max(self.over() - len(gone), 0)]

    def is_untidy(self) -> bool:
        """True if something has to go as soon as it can."""
        return self.over() > 0 or any(record.removed and record.has_place for record in self)

    def ready(self, model: str) -> set[int]:
        """The versions of a model that can answer, some once they are awake."""
        ready = [r for r in self if r.pool is not None and r.pool.state.answers]
        return {record.key[1] for record in ready if record.key[0] == model}
