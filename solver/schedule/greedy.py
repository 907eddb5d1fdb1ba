"""A list scheduler: every device that falls idle takes its first kind that is ready and fits.

Events (a device falls free, an input arrives at an idle device) come from one heap. A forward is
taken only if every micro-batch in flight on the device could still finish, the oldest first, with
the memory left and what its predecessors free (the banker's rule); so the oldest micro-batch of
all is never stuck and the scheduler never runs into a deadlock, unless one whole micro-batch with
the largest workspace exceeds a device. Then it gives up and the caller falls back on
`feasibility`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping

from solver.schedule.memory import room
from solver.schedule.operators import Kind, Operators, Order

Priority = Callable[[Kind, float], tuple[float, ...]]
"""(kind, longest time from its end to the end of its micro-batch) -> sort key, the smallest
first."""


def list_schedule(
    operators: Operators,
    priority: Priority,
    in_flight: Mapping[int, int] | None = None,
    patience: float = 0.0,
    ahead: Mapping[int, int] | None = None,
) -> Order | None:
    """The order found with kinds preferred by `priority`, or None when it got stuck.

    A kind that nothing waits for (a weight gradient) does not start when a preferred one is known
    to arrive within `patience` times its duration: it would hold up the pipeline.

    `ahead` caps by how many micro-batches a forward kind may be before its backward. `in_flight`
    caps how many micro-batches of a forward kind may hold memory: a throttle that keeps
    early chunks from taking the memory which later chunks of the same device need.
    """
    simulation = _Simulation(operators, _ranked(operators, priority), in_flight or {}, patience)
    simulation.ahead = dict(ahead or {})
    return simulation.run()


class _Device:
    """What one device does and holds while the simulation runs."""

    __slots__ = ("chunks", "end", "freed", "held", "idle", "room", "sequence", "workspace")

    def __init__(self, room: float) -> None:
        self.room = room
        self.held = 0.0
        self.workspace = 0.0
        self.idle = True
        self.end = 0.0
        self.freed = 0.0  # bytes the running operator frees at its end
        self.sequence: list[int] = []
        self.chunks: list[tuple[int, int, float]] = []  # forward, last release, bytes


class _Simulation:
    """The state of one run; kinds take their micro-batches in order."""

    def __init__(
        self,
        operators: Operators,
        ranked: list[list[int]],
        in_flight: Mapping[int, int],
        patience: float,
    ) -> None:
        self.operators = operators
        self.chunks = operators.chunks
        self.patience = patience
        self.ahead: dict[int, int] = {}
        self.count = operators.microbatches
        self.ranked = ranked
        self.missing = [[len(kind.inputs)] * self.count for kind in operators.kinds]
        self.ready = [[0.0] * self.count for _ in operators.kinds]
        self.following = [0] * len(operators.kinds)  # the next micro-batch of each kind
        self.devices = [_Device(room(operators, m)) for m in range(len(operators.on_machine))]
        self.after: dict[int, list[int]] = {}  # operators that pins put behind one
        for before, after in operators.musts:
            self.after.setdefault(before, []).append(after)
            self.missing[after // self.count][after % self.count] += 1
        self.release = _last_releases(operators)
        self.caps = {k: in_flight.get(k, self.count) for k in self.release}
        self.events = [(0.0, d) for d in range(len(self.devices))]
        for k, release in self.release.items():
            device = self.devices[operators.kinds[k].machine]
            device.chunks.append((k, release, operators.kinds[k].allocates))
            device.workspace = max(device.workspace, operators.kinds[k].workspace)

    def run(self) -> Order | None:
        while self.events:
            time, d = heapq.heappop(self.events)
            device = self.devices[d]
            if not device.idle:
                if device.end > time:
                    continue
                device.held -= device.freed
                device.idle = True
            k = self._choice(device, d, time)
            if k is not None:
                self._start(device, d, k, time)
        if sum(len(device.sequence) for device in self.devices) < self.operators.count:
            return None
        return tuple(tuple(device.sequence) for device in self.devices)

    def _choice(self, device: _Device, d: int, time: float) -> int | None:
        """The kind to start now, None to wait."""
        soonest = math.inf  # arrival of a preferred kind
        for k in self.ranked[d]:
            m = self.following[k]
            if m == self.count or self.missing[k][m]:
                continue
            if self.ready[k][m] > time:
                soonest = min(soonest, self.ready[k][m])
                continue
            kind = self.operators.kinds[k]
            if self._fits(device, k):
                is_urgent = kind.outputs or self.patience <= 0.0
                if is_urgent or soonest >= time + self.patience * kind.duration:
                    return k
        return None

    def _start(self, device: _Device, d: int, k: int, time: float) -> None:
        kind = self.operators.kinds[k]
        m = self.following[k]
        self.following[k] = m + 1
        device.idle = False
        device.held += kind.allocates
        device.freed = kind.releases
        device.end = end = time + kind.duration
        device.sequence.append(k * self.count + m)
        heapq.heappush(self.events, (end, d))
        for target, delay in kind.outputs:
            self._arrive(target, m, end + delay)
        for after in self.after.get(k * self.count + m, ()):
            self._arrive(after // self.count, after % self.count, end)

    def _arrive(self, target: int, m: int, time: float) -> None:
        """What an operator waits for is there from `time` on."""
        self.missing[target][m] -= 1
        arrival = max(self.ready[target][m], time)
        self.ready[target][m] = arrival
        number = self.operators.kinds[target].machine
        consumer = self.devices[number]
        if not self.missing[target][m] and (consumer.idle or consumer.end < arrival):
            heapq.heappush(self.events, (arrival, number))

    def _fits(self, device: _Device, k: int) -> bool:
        kind = self.operators.kinds[k]
        if device.held + kind.allocates + kind.workspace > device.room:
            return False
        if not kind.allocates:
            return True
        if self.following[k] - self.following[self.release[k]] >= self.caps[k]:
            return False
        backward = k + self.chunks
        if self.following[k] - self.following[backward] >= self.ahead.get(k, self.count):
            return False
        return len(device.chunks) == 1 or self._all_could_finish(device, k)

    def _all_could_finish(self, device: _Device, k: int) -> bool:
        """The banker's rule after one more forward of kind `k`.

        A micro-batch counts as holding all of a chunk from its forward to the chunk's last release.
        """
        following = self.following
        states = [
            (following[forward] + (forward == k), following[release], size)
            for forward, release, size in device.chunks
        ]
        oldest = min(released for _, released, _ in states)
        newest = max(started for started, _, _ in states)
        free = device.room - device.workspace
        free -= sum(size * (started - released) for started, released, size in states)
        for m in range(oldest, newest):
            hold = need = 0.0
            for started, released, size in states:
                if m >= started:
                    need += size
                elif m >= released:
                    hold += size
            if need > free:
                return False
            free += hold
        return True


def _last_releases(operators: Operators) -> dict[int, int]:
    """For every forward that allocates memory the kind that frees the last of it."""
    last: dict[int, int] = {}
    for k, kind in enumerate(operators.kinds):
        if kind.releases > 0:
            last[kind.chunk] = k
    return {k: last[k] for k in range(operators.chunks) if operators.kinds[k].allocates > 0}


def _ranked(operators: Operators, priority: Priority) -> list[list[int]]:
    """The kinds of every device, the preferred first."""
    after = [0.0] * len(operators.kinds)
    for k in reversed(operators.topological):
        for target, delay in operators.kinds[k].outputs:
            kind = operators.kinds[target]
            after[k] = max(after[k], delay + kind.duration + after[target])
    return [
        sorted(here, key=lambda k: (*priority(operators.kinds[k], after[k]), k))
        for here in operators.on_machine
    ]
