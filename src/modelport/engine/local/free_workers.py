"""Which worker of a model gets the next calls: the one that has the fewest, found without looking at each.

Workers stand in groups by how many calls they have. A group is a number with a bit for each of its workers,
by the worker's own number, so that a thousand workers are 125 bytes and the lowest bit is the lowest number.
Each change moves one worker from a group to another; nothing is searched when a call comes.
"""

from __future__ import annotations

from modelport.engine.local.worker_process import AWAY, Worker

ALONE = AWAY - 1  # the group of those that have a call which nothing may share them with


class FreeWorkers:
    """The workers of a model that may be given calls: those that are `ready`, which tell it by themselves.

    Whoever changes what a worker has in flight notes the worker. No two that are ready have the same number.
    """

    def __init__(self) -> None:
        self.ready = 0  # how many there are
        self._open = 0  # and how many of them have no call that must be alone
        self._workers: list[Worker | None] = []  # by number
        self._groups = [0]  # by how many calls they have
        self._lowest = 0  # the groups before this one are empty

    def turn(self, worker: Worker) -> None:
        """A worker may be given calls from now on, or no more."""
        if (worker.group != AWAY) == worker.ready:
            return
        if worker.ready:
            self.ready += 1
            self._workers += [None] * (worker.number + 1 - len(self._workers))
            self._workers[worker.number] = worker
            worker.group = ALONE
            self.note(worker)
        else:
            self.ready -= 1
            self._workers[worker.number] = None
            self._move(worker, AWAY)

    def note(self, worker: Worker) -> None:
        """A worker has more calls than before, or fewer."""
        in_flight, before = worker.in_flight, worker.group
        if before != AWAY:
            group = len(in_flight)
            if group and next(iter(in_flight.values())).call.alone:
                group = ALONE
            if group != before:
                self._move(worker, group)

    def _move(self, worker: Worker, group: int) -> None:
        before, bit, groups = worker.group, worker.bit, self._groups
        worker.group = group
        if before >= 0:
            groups[before] ^= bit
        else:
            self._open += 1
        if group < 0:
            self._open -= 1
            return
        if group >= len(groups):
            groups += [0] * (group + 1 - len(groups))
        groups[group] |= bit
        if group < self._lowest:
            self._lowest = group

    def freest(self, batch: int, waiting: int) -> Worker | None:
        """The worker that has the fewest calls, of several the one of the lowest number.

        None that has a call which must be alone. With batches of more than one call it is an idle one, or the
        only one, if a whole batch of the `waiting` calls is for it to have ahead.
        """
        if not self._open:
            return None
        lowest = self._lowest
        while not self._groups[lowest]:
            lowest += 1
        self._lowest = lowest
        if lowest and batch > 1 and (self._open > 1 or waiting < batch or lowest > batch):
            return None
        group = self._groups[lowest]
        return self._workers[(group & -group).bit_length() - 1]
