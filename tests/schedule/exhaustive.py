"""The optimum of a tiny schedule by trying every order of every device."""

from __future__ import annotations

import math

from solver.schedule.problem import ScheduleProblem

Operator = tuple[int, int, str]  # chunk, micro-batch, phase


def optimum(problem: ScheduleProblem, in_order: bool) -> float:
    """The least makespan over all active schedules; inf when none fits.

    Operators are appended to their devices one at a time at their earliest start, in every possible
    sequence; a branch ends where it can only be as bad as one tried before. `in_order` takes the
    micro-batches of a chunk and phase in order, otherwise they come in any order.
    """
    return _Search(problem, in_order).run()


class _Search:
    def __init__(self, problem: ScheduleProblem, in_order: bool) -> None:
        self.problem = problem
        self.in_order = in_order
        self.split = problem.split_backward
        phases = ("F", "B", "W") if self.split else ("F", "B")
        self.todo = [
            (c, m, phase)
            for c in range(len(problem.chunks))
            for m in range(problem.microbatches)
            for phase in phases
        ]
        self.best = math.inf
        self.seen: dict[object, list[tuple[float, ...]]] = {}

    def run(self) -> float:
        self._extend({}, [0.0] * self.problem.devices, [0.0] * self.problem.devices)
        return self.best

    def _extend(self, ends: dict[Operator, float], free: list[float], held: list[float]) -> None:
        tails = self.problem.tails
        makespan = max(a + b for a, b in zip(free, tails, strict=True))
        if makespan >= self.best:
            return
        if len(ends) == len(self.todo):
            self.best = makespan
            return
        if self._dominated(ends, free):
            return
        for op in self.todo:
            if op in ends:
                continue
            arrivals = self._arrivals(op, ends)
            if arrivals is None:
                continue
            chunk = self.problem.chunks[op[0]]
            d = chunk.device
            allocated = chunk.activation_bytes if op[2] == "F" else 0.0
            if held[d] + allocated + chunk.workspace_bytes > self.problem.capacity_bytes[d] + 1e-9:
                continue
            end = max([free[d], *arrivals]) + self._duration(op)
            self._extend(
                {**ends, op: end},
                [end if i == d else t for i, t in enumerate(free)],
                [h + allocated - self._released(op) if i == d else h for i, h in enumerate(held)],
            )

    def _dominated(self, ends: dict[Operator, float], free: list[float]) -> bool:
        """Whether the same operators were done before, no device and no awaited one later."""
        key = frozenset(ends)
        state = (*free, *(ends[op] for op in self.todo if op in ends and self._awaited(op, ends)))
        known = self.seen.setdefault(key, [])
        if any(all(a <= b for a, b in zip(old, state, strict=True)) for old in known):
            return True
        known.append(state)
        return False

    def _awaited(self, op: Operator, ends: dict[Operator, float]) -> bool:
        """Whether an operator on an edge of `op` is still to come (on its device all are later)."""
        c, m, phase = op
        if phase == "F":
            return any(e.source == c and (e.target, m, "F") not in ends for e in self.problem.edges)
        if phase == "B":
            return any(e.target == c and (e.source, m, "B") not in ends for e in self.problem.edges)
        return False

    def _arrivals(self, op: Operator, ends: dict[Operator, float]) -> list[float] | None:
        c, m, phase = op
        needed: list[tuple[Operator, float]] = []
        if self.in_order and m:
            needed.append(((c, m - 1, phase), 0.0))
        if phase == "F":
            needed += [((e.source, m, "F"), e.delay) for e in self.problem.edges if e.target == c]
        if phase == "B":
            needed.append(((c, m, "F"), 0.0))
            needed += [((e.target, m, "B"), e.delay) for e in self.problem.edges if e.source == c]
        if phase == "W":
            needed.append(((c, m, "B"), 0.0))
        if any(one not in ends for one, _ in needed):
            return None
        return [ends[one] + delay for one, delay in needed]

    def _duration(self, op: Operator) -> float:
        chunk = self.problem.chunks[op[0]]
        if op[2] == "B" and not self.split:
            return chunk.input_grad + chunk.weight_grad
        return {"F": chunk.forward, "B": chunk.input_grad, "W": chunk.weight_grad}[op[2]]

    def _released(self, op: Operator) -> float:
        chunk = self.problem.chunks[op[0]]
        early = chunk.released_by_input_grad if self.split else chunk.activation_bytes
        return {"F": 0.0, "B": early, "W": chunk.activation_bytes - early}[op[2]]
