"""The optimum of a tiny schedule by trying every order of every machine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from solver.schedule.problem import OrderPin, ScheduleProblem

Operator = tuple[str, int, int, str]  # "chunk" or "edge", its number, micro-batch, phase
Machine = tuple[str, int, int]  # "stream", device and stream; or "link", its number and 0


def optimum(problem: ScheduleProblem, in_order: bool) -> float:
    """The least objective over all schedules; inf when none fits.

    Soft pins: every set of them is made hard, the others are paid. Spans: every choice of first
    starts (multiples of the greatest common divisor of all times, at most one device late by more
    than all work) is tried as a makespan with machines that are ready then.
    """
    hard = tuple(pin for pin in problem.pins if pin.weight is None)
    soft = [pin for pin in problem.pins if pin.weight is not None]
    best = math.inf
    for kept in itertools.product((False, True), repeat=len(soft)):
        musts = tuple(
            replace(pin, weight=None) for pin, is_in in zip(soft, kept, strict=True) if is_in
        )
        paid = sum(pin.weight or 0.0 for pin, is_in in zip(soft, kept, strict=True) if not is_in)
        if paid < best:
            chosen = replace(problem, pins=(*hard, *musts))
            best = min(best, paid + _hard_optimum(chosen, in_order))
    return best


def _hard_optimum(problem: ScheduleProblem, in_order: bool) -> float:
    if problem.objective == "makespan":
        return _Search(problem, in_order, [0.0] * problem.devices).run()
    unit = _unit(problem)
    count = problem.microbatches
    total = sum(c.forward + c.input_grad + c.weight_grad for c in problem.chunks) * count
    total += sum(2 * (e.delay + e.transfer) for e in problem.edges) * count
    steps = round(total / unit)
    best = math.inf
    for late in itertools.product(range(steps + 1), repeat=problem.devices):
        if min(late) == 0:
            best = min(best, _Search(problem, in_order, [unit * r for r in late], best).run())
    return best


def _unit(problem: ScheduleProblem) -> float:
    """A time of which all are multiples: the problems of these tests are made from such a one."""
    times = [t for c in problem.chunks for t in (c.forward, c.input_grad, c.weight_grad)]
    times += [t for e in problem.edges for t in (e.delay, e.transfer)] + list(problem.tails)
    least = min(t for t in times if t > 0)
    for n in range(1, 6):
        if all(abs(t * n / least - round(t * n / least)) < 1e-6 for t in times):
            return least / n
    raise ValueError("the times have no common unit")


class _Search:
    """Operators are appended to their machines one at a time at their earliest start, in every
    possible sequence; a branch ends where it can only be as bad as one tried before.

    `late`: when each device is ready; times count from there for its end.
    """

    def __init__(
        self,
        problem: ScheduleProblem,
        in_order: bool,
        late: Sequence[float],
        best: float = math.inf,
    ) -> None:
        self.problem, self.in_order, self.late, self.best = problem, in_order, late, best
        self.split = problem.split_backward
        phases = ("F", "B", "W") if self.split else ("F", "B")
        count = problem.microbatches
        self.todo: list[Operator] = [
            ("chunk", c, m, phase)
            for c in range(len(problem.chunks))
            for m in range(count)
            for phase in phases
        ]
        for number, edge in enumerate(problem.edges):
            ways = (("F", edge.link), ("B", edge.back_link))
            used = [phase for phase, link in ways if link is not None]
            self.todo += [("edge", number, m, phase) for phase in used for m in range(count)]
        self.needs = {op: self._needs(op) for op in self.todo}
        self.after: dict[Operator, list[Operator]] = {op: [] for op in self.todo}
        for op, needed in self.needs.items():
            for one, delay in needed:  # on its own machine all are later anyway
                if delay or self._machine(one) != self._machine(op):
                    self.after[one].append(op)
        self.seen: dict[object, list[tuple[float, ...]]] = {}

    def run(self) -> float:
        free = {self._machine(op): self._ready(self._machine(op)) for op in self.todo}
        self._extend({}, free, [0.0] * self.problem.devices)
        return self.best

    def _extend(
        self, ends: dict[Operator, float], free: dict[Machine, float], held: list[float]
    ) -> None:
        reached = max(
            *(tail - late for tail, late in zip(self.problem.tails, self.late, strict=True)),
            -math.inf,
            *(
                time + self.problem.tails[machine[1]] - self.late[machine[1]]
                for machine, time in free.items()
                if machine[0] == "stream"
            ),
        )
        if reached >= self.best:
            return
        if len(ends) == len(self.todo):
            self.best = reached
            return
        if self._is_dominated(ends, free):
            return
        for op in self.todo:
            if op in ends or any(one not in ends for one, _ in self.needs[op]):
                continue
            allocated = released = 0.0
            device = -1
            if op[0] == "chunk":
                chunk = self.problem.chunks[op[1]]
                device = chunk.device
                allocated = chunk.activation_bytes if op[3] == "F" else 0.0
                released = self._released(op)
                needed = held[device] + allocated + chunk.workspace_bytes
                if needed > self.problem.capacity_bytes[device] + 1e-9:
                    continue
            machine = self._machine(op)
            arrivals = [ends[one] + delay for one, delay in self.needs[op]]
            end = max([free[machine], *arrivals]) + self._duration(op)
            self._extend(
                {**ends, op: end},
                {**free, machine: end},
                [h + allocated - released if i == device else h for i, h in enumerate(held)],
            )

    def _is_dominated(self, ends: dict[Operator, float], free: dict[Machine, float]) -> bool:
        """Whether the same operators were done before, no machine and no awaited one later."""
        awaited = [ends[op] for op in self.todo if op in ends and self._is_awaited(op, ends)]
        state = (*free.values(), *awaited)
        known = self.seen.setdefault(frozenset(ends), [])
        if any(all(a <= b for a, b in zip(old, state, strict=True)) for old in known):
            return True
        known.append(state)
        return False

    def _is_awaited(self, op: Operator, ends: dict[Operator, float]) -> bool:
        return any(later not in ends for later in self.after[op])

    def _needs(self, op: Operator) -> list[tuple[Operator, float]]:
        kind, number, m, phase = op
        edges = list(enumerate(self.problem.edges))
        needed: list[tuple[Operator, float]] = []
        if self.in_order and m:
            needed.append(((kind, number, m - 1, phase), 0.0))
        if kind == "edge":
            edge = self.problem.edges[number]
            end = edge.source if phase == "F" else edge.target
            return [*needed, (("chunk", end, m, phase), 0.0)]
        for e, edge in edges:
            if phase == "F" and edge.target == number:
                source: Operator = ("chunk", edge.source, m, "F")
                needed.append((source if edge.link is None else ("edge", e, m, "F"), edge.delay))
            if phase == "B" and edge.source == number:
                source = ("chunk", edge.target, m, "B")
                message: Operator = ("edge", e, m, "B")
                needed.append((source if edge.back_link is None else message, edge.delay))
        if phase != "F":
            needed.append((("chunk", number, m, "F" if phase == "B" else "B"), 0.0))
        for pin in self.problem.pins:
            if self._named(pin, "after") == op and self._named(pin, "before") != op:
                needed.append((self._named(pin, "before"), 0.0))
        return needed

    def _named(self, pin: OrderPin, end: str) -> Operator:
        chunk, phase, m = pin.before if end == "before" else pin.after
        return ("chunk", chunk, m, "B" if phase == "W" and not self.split else phase)

    def _machine(self, op: Operator) -> Machine:
        if op[0] == "chunk":
            chunk = self.problem.chunks[op[1]]
            return ("stream", chunk.device, chunk.stream)
        edge = self.problem.edges[op[1]]
        link = edge.link if op[3] == "F" else edge.back_link
        assert link is not None
        return ("link", link, 0)

    def _ready(self, machine: Machine) -> float:
        return self.late[machine[1]] if machine[0] == "stream" else 0.0

    def _duration(self, op: Operator) -> float:
        if op[0] == "edge":
            return self.problem.edges[op[1]].transfer
        chunk = self.problem.chunks[op[1]]
        if op[3] == "B" and not self.split:
            return chunk.input_grad + chunk.weight_grad
        return {"F": chunk.forward, "B": chunk.input_grad, "W": chunk.weight_grad}[op[3]]

    def _released(self, op: Operator) -> float:
        chunk = self.problem.chunks[op[1]]
        early = chunk.released_by_input_grad if self.split else chunk.activation_bytes
        return {"F": 0.0, "B": early, "W": chunk.activation_bytes - early}[op[3]]
