"""Operators of the joint model in time: starts, durations, order, and the makespan with tails.

Micro-batches ascend in every phase, which loses nothing (`solver/schedule/operators.py`;
`test_solver_joint.py` holds the model against every order).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from solver.cpsat import Linear
from solver.verify.families import fixed_order
from solver.verify.figures import Edge, Phase, StageTime
from tests.solver.joint.stages import Stages
from tests.solver.joint.writer import Writer

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

PHASES: tuple[Phase, ...] = ("F", "B", "W")
Key = tuple[int, Phase, int]
"""Stage, phase, micro-batch."""


class Operators:
    """Starts and durations in ticks. `before[s, p, j, q, k]` says that on stage s phase p of
    micro-batch j runs before phase q of the earlier micro-batch k."""

    def __init__(self, write: Writer, stages: Stages, family: str | None, count: int) -> None:
        self.write, self.model = write, write.model
        self.on, self.stages = stages, stages.stages
        self.family, self.count = family, count
        self._run_operators()
        self._order_operators()
        self._finish()

    def _run_operators(self) -> None:
        """Starts and durations, and what waits for what. No operator is shorter than a tick, so
        that no circle of waiting takes no time."""
        model = self.model
        self.start: dict[Key, cp_model.IntVar] = {
            (s, phase, j): self.write.amount(f"start {phase} {s} {j}")
            for s in self.stages
            for phase in PHASES
            for j in range(self.count)
        }
        self.duration: dict[tuple[int, Phase], Linear] = {}
        for s in self.stages:
            joined = self.write.when(self.on.weight[s], [self.on.fused[s]], f"weight in b {s}")
            apart = self.write.when(self.on.weight[s], [1 - self.on.fused[s]], f"weight apart {s}")
            amounts = (self.on.forward[s], self.on.backward[s] + joined, apart)
            for phase, amount in zip(PHASES, amounts, strict=True):
                took = self.write.amount(f"duration {phase} {s}")
                model.add(took >= amount)
                model.add(took >= (1 if phase != "W" else 1 - self.on.fused[s]))
                self.duration[s, phase] = took
            if not isinstance(self.on.weight[s], int):
                model.add(joined + apart >= self.on.weight[s])
        for j in range(self.count):
            for s in self.stages:
                model.add(self.start[s, "B", j] >= self.end(s, "F", j))
                model.add(self.start[s, "W", j] >= self.end(s, "B", j))
                model.add(self.start[s, "W", j] == self.end(s, "B", j)).only_enforce_if(
                    self.on.fused[s]
                )
            for (s, t), literal in self.on.joined.items():
                gone = self.on.delay[s, t]
                model.add(self.start[t, "F", j] >= self.end(s, "F", j) + gone).only_enforce_if(
                    literal
                )
                model.add(self.start[s, "B", j] >= self.end(t, "B", j) + gone).only_enforce_if(
                    literal
                )

    def end(self, stage: int, phase: Phase, microbatch: int) -> Linear:
        """When an operator is done."""
        return self.start[stage, phase, microbatch] + self.duration[stage, phase]

    def _order_operators(self) -> None:
        """One operator of a stage at a time."""
        model = self.model
        self.before: dict[tuple[int, Phase, int, Phase, int], Linear] = {}
        pairs = tuple(itertools.combinations(PHASES, 2))
        for s in self.stages:
            for phase in PHASES:
                for j in range(1, self.count):
                    model.add(self.start[s, phase, j] >= self.end(s, phase, j - 1))
            for (early, late), (k, j) in itertools.product(
                pairs, itertools.combinations(range(self.count), 2)
            ):
                ahead = self.write.literal(f"{early} {j} before {late} {k} on {s}")
                self.before[s, early, j, late, k] = ahead
                model.add(self.start[s, late, k] >= self.end(s, early, j)).only_enforce_if(ahead)
                model.add(self.start[s, early, j] >= self.end(s, late, k)).only_enforce_if(~ahead)
            for k, j in itertools.combinations(range(self.count), 2):
                model.add_implication(self.on.fused[s], ~self.before[s, "B", j, "W", k])
        if self.family is not None:
            self._keep_family()
        elif len(self.stages) == 1:  # no order is faster or holds less than one after the other
            for ahead in self.before.values():
                model.add(ahead == 0)

    def _keep_family(self) -> None:
        """The order of the family, by how far a stage is from the ends of the stage graph."""
        depth = self._depths()
        deepest = self.model.new_int_var(1, len(self.stages), "deepest")
        self.model.add_max_equality(deepest, depth)
        for s in self.stages:
            places = []
            for far, near in itertools.product(self.stages, self.stages):
                if near <= far:
                    here = self.write.literal(f"{s} is {near + 1} of {far + 1} from an end")
                    self.model.add(depth[s] == near + 1).only_enforce_if(here)
                    self.model.add(deepest == far + 1).only_enforce_if(here)
                    self._follow(s, near, far, here)
                    places.append(here)
            self.model.add_exactly_one(places)

    def _follow(self, s: int, near: int, far: int, here: Linear) -> None:
        """Where `here` is true, stage s keeps the order of the stage that `near` others follow in a
        chain of `far` + 1."""
        chain = [Edge(i, i + 1, 0.0) for i in range(far)]
        for is_fused in (False, True):
            times = [StageTime(1.0, 1.0, 1.0, 0.0, is_fused)] * (far + 1)
            rows = fixed_order(self.family, times, chain, self.count)
            assert rows is not None, self.family
            at = {operator: i for i, operator in enumerate(rows[far - near])}
            literal = self.on.fused[s] if is_fused else ~self.on.fused[s]
            for (stage, early, j, late, k), ahead in self.before.items():
                if stage == s and (early, j) in at and (late, k) in at:
                    value = int(at[early, j] < at[late, k])
                    self.model.add(ahead == value).only_enforce_if(here, literal)

    def _depths(self) -> list[cp_model.IntVar]:
        """For each stage the stages on the longest way to an end, itself included."""
        last = len(self.stages)
        depth = [self.model.new_int_var(1, last, f"depth {s}") for s in self.stages]
        for s in self.stages:
            ways: list[Linear] = [1]
            for t in range(s + 1, last):
                way = self.model.new_int_var(1, last, f"way {s} {t}")
                joined = self.on.joined[s, t]
                self.model.add(way == depth[t] + 1).only_enforce_if(joined)
                self.model.add(way == 1).only_enforce_if(~joined)
                ways.append(way)
            self.model.add_max_equality(depth[s], ways)
        return depth

    def _finish(self) -> None:
        """The makespan with tails; rows that follow from the others help the relaxation."""
        self.makespan = self.write.amount("makespan")
        last = self.count - 1
        for s in self.stages:
            work = sum(self.duration[s, phase] for phase in PHASES)
            for phase in PHASES[1:]:
                self.model.add(self.makespan >= self.end(s, phase, last) + self.on.tail[s])
            first = self.start[s, "F", 0]
            self.model.add(self.makespan >= first + self.count * work + self.on.tail[s])
            both = self.duration[s, "F"] + self.duration[s, "B"]
            self.model.add(self.end(s, "B", last) >= first + self.count * both)
