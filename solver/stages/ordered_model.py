"""The stage map and recomputation under a fixed schedule, exactly: the makespan is that of the
schedule, whose operators last as long as the layers put into their chunks.

Beside the variables and rows of `StageModel` there is a start for every operator of every
micro-batch. On a stage one operator follows the other in the family's order, a chunk's operators
follow those of its neighbours in the chain. Times and bytes are rounded down, so the bound that
CP-SAT proves holds for every stage map of the split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from solver.cost.collectives import Floats
from solver.cpsat import Limits, Linear, run
from solver.schedule.ticks import common_quantum
from solver.stages.model import StageModel
from solver.stages.pattern import Pattern

Place = tuple[str, int, int]
"""F or B, chunk, micro-batch; B is the whole backward."""
FINEST = 1e7
"""Ticks of a horizon where times share no quantum."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The best pattern found, None where none is better than what was known, and a bound, seconds,
    on the step of every pattern (infinite: nothing fits)."""

    pattern: Pattern | None
    bound: float


@dataclass
class OrderedStageModel(StageModel):
    """`sequences` are the operators of every stage in order; `delay` is the least time, seconds,
    between stages; `upper` is a step time that is known, of the pattern `known` with operators that
    start at `begun`, seconds."""

    sequences: Sequence[Sequence[Place]]
    delay: float
    upper: float
    known: Pattern
    begun: Mapping[Place, float]

    def prove(self, limits: Limits) -> Proof:
        """Search and bound."""
        self._hint()
        answer = run(self.model, limits)
        if answer.status == "infeasible":
            return Proof(None, self.upper)  # nothing is better than what is known
        pattern = self._pattern(answer) if answer.has_solution else None
        bound = answer.bound if answer.status != "unknown" else 0.0
        return Proof(pattern, min(self.upper, bound * self.tick))

    # ---- rounding down ---------------------------------------------------------------------

    def _tick_of(self, total: float) -> float:  # noqa: ARG002 - the horizon is known here
        c = self.costs
        times = [x.ravel() for x in (c.forward, c.backward, c.again, c.step)]
        quantum = common_quantum(float(t) for t in np.concatenate([*times, [self.delay]]))
        if quantum is not None and self.upper <= FINEST * quantum:
            return quantum
        return max(self.upper, 1e-12) / FINEST

    def _ticks(self, seconds: Floats) -> Floats:
        return np.asarray(np.floor(seconds / self.tick + 1e-6))

    def _kib(self, amounts: Floats) -> Floats:
        return np.asarray(np.floor(amounts))

    # ---- the schedule ----------------------------------------------------------------------

    def _add_times(self) -> None:
        super()._add_times()
        c = self.costs
        horizon = int(self.upper / self.tick + 1e-6)
        self.model.add(self.makespan <= horizon)
        delay = int(self.delay / self.tick + 1e-6)
        forward = [self._sum(c.forward, k) for k in self.chunks]
        backward = [self._sum(c.backward, k) + self._again_sum(c.again, k) for k in self.chunks]
        self.starts = starts = {
            place: self.model.new_int_var(0, horizon, f"{place[0]}{place[1]}_{place[2]}")
            for sequence in self.sequences
            for place in sequence
        }

        def end(place: Place) -> Linear:
            return starts[place] + (forward if place[0] == "F" else backward)[place[1]]

        for stage, sequence in enumerate(self.sequences):
            for early, late in pairwise(sequence):
                self.model.add(starts[late] >= end(early))
            tail = sum(self._sum(c.step, k) for k in self.on_stage[stage])
            self.model.add(self.makespan >= end(sequence[-1]) + tail)
        for phase, k, m in starts:
            other = k - 1 if phase == "F" else k + 1
            if (phase, other, m) in starts:
                is_far = self.placement[k] != self.placement[other]
                self.model.add(starts[phase, k, m] >= end((phase, other, m)) + is_far * delay)
            elif phase == "B":
                self.model.add(starts["B", k, m] >= end(("F", k, m)))

    def _hint(self) -> None:
        """Start from the known pattern and its times."""
        for place, seconds in self.begun.items():
            self.model.add_hint(self.starts[place], int(seconds / self.tick + 1e-6))
        for unit, chunk in enumerate(self.known.chunk_of):
            for k, literal in enumerate(self.at_least[unit][1:-1], start=1):
                self.model.add_hint(literal, int(chunk >= k))
        for (k, c), count in self.again.items():
            members = [u for u, (d, _) in enumerate(self.places) if d == c]
            here = [u for u in members if self.known.chunk_of[u] == k and self.known.again[u]]
            self.model.add_hint(count, len(here))
