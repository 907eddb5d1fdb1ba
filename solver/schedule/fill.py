"""Orders of the machines that an order leaves open: links and streams run what arrives first.

A fixed family orders the compute streams only. What else there is follows from it by simulation:
of the operators that are ready on an open machine the one that has waited longest runs next.
"""

from __future__ import annotations

import heapq

from solver.schedule.operators import Operators, Order


def fill(operators: Operators, order: Order) -> Order:
    """`order` with a sequence for every machine that has none. One that deadlocks stays unsound."""
    order = (*order, *(() for _ in operators.on_machine[len(order) :]))
    loose = [m for m, s in enumerate(order) if not s and operators.on_machine[m]]
    return _Simulation(operators, order, loose).run() if loose else order


class _Simulation:
    def __init__(self, operators: Operators, order: Order, loose: list[int]) -> None:
        self.operators, self.order = operators, order
        self.count = operators.microbatches
        self.missing = [len(kind.inputs) for kind in operators.kinds for _ in range(self.count)]
        self.ready = [0.0] * operators.count
        self.waiting: dict[int, list[tuple[float, int]]] = {m: [] for m in loose}
        self.sequences: dict[int, list[int]] = {m: [] for m in loose}
        self.position = [0] * len(order)
        self.free = list(operators.ready)
        for op, missing in enumerate(self.missing):
            if not missing:
                self._wait(op)

    def run(self) -> Order:
        while True:
            starts = [
                (start, m) for m in range(len(self.order)) if (start := self._next(m)) is not None
            ]
            if not starts:
                break
            self._run(*min(starts))
        return tuple(
            tuple(self.sequences[m]) if m in self.sequences else sequence
            for m, sequence in enumerate(self.order)
        )

    def _next(self, machine: int) -> float | None:
        """When the machine can start its next operator; None where it cannot yet."""
        if machine in self.waiting:
            heap = self.waiting[machine]
            return max(self.free[machine], heap[0][0]) if heap else None
        if self.position[machine] == len(self.order[machine]):
            return None
        op = self.order[machine][self.position[machine]]
        return None if self.missing[op] else max(self.free[machine], self.ready[op])

    def _run(self, start: float, machine: int) -> None:
        if machine in self.waiting:
            op = heapq.heappop(self.waiting[machine])[1]
            self.sequences[machine].append(op)
        else:
            op = self.order[machine][self.position[machine]]
            self.position[machine] += 1
        k, m = divmod(op, self.count)
        end = self.free[machine] = start + self.operators.kinds[k].duration
        for target, delay in self.operators.kinds[k].outputs:
            out = target * self.count + m
            self.missing[out] -= 1
            self.ready[out] = max(self.ready[out], end + delay)
            if not self.missing[out]:
                self._wait(out)

    def _wait(self, op: int) -> None:
        machine = self.operators.kinds[op // self.count].machine
        if machine in self.waiting:
            heapq.heappush(self.waiting[machine], (self.ready[op], op))
