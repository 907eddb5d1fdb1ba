"""The CP-SAT model of the stage map and of recomputation, for given costs of every layer.

Variables: `at_least[u, k]`: unit u is in chunk k or later (order encoding: monotone in k, and along
every edge of the graph); `again[k, c]`: how many units of class c chunk k recomputes. A unit's
costs are constants here, so stage times and bytes are linear: sums over the chunks of the stage.
Minimises the largest row of the same bounds as `solver.search.terms`: heads, own work, tails, and
with a fused backward the ramp down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.cpsat import Answer, Limits, Linear, run
from solver.sharding.problem import Selection, ShardingProblem
from solver.space.pins import PinMasks, UnitWish, stage_allowed
from solver.stages.figures import group_totals, measured_saved
from solver.stages.pattern import PARTS, Pattern, unit_places
from solver.stages.placement import placement

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

TICKS = 1e6
KIB = 1024.0


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Per unit, in graph order: seconds of one micro-batch and per step, [kind of devices, unit],
    and bytes, [unit]."""

    forward: Floats
    backward: Floats  # B and W
    again: Floats  # what recomputation adds
    step: Floats  # with what the unit's own compute cannot hide of scheduled collectives
    static: Floats
    saved: Floats
    kept: Floats
    buffers: Floats
    rebuilt: Floats  # what recomputation of one unit needs while it runs


def unit_costs(problem: ShardingProblem, selection: Selection) -> UnitCosts:
    """Costs of every unit under a selection; parameters held by several units are left out."""
    totals = group_totals(problem, selection)
    classes = len(problem.classes)
    working, gathered = np.zeros(classes), np.zeros(classes)
    for node, k in zip(problem.nodes, selection.strategies, strict=True):
        working[node.unit_class] = max(working[node.unit_class], node.working[k])
    for store, z in zip(problem.stores, selection.storage, strict=True):
        label = store.labels[selection.strategies[store.node]]
        gathered[problem.nodes[store.node].unit_class] += store.costs.gathered[label, z]
    rows, buffers, measured = [], [], []
    aside = measured_saved(problem, selection)
    for c, i in unit_places(problem):
        measured.append(aside[c])
        rows.append(totals[c, 0] + totals[c, PARTS["first" if i == 0 else "rest"]])
        buffers.append(working[c] + 2 * gathered[c])
    q, kinds = np.array(rows), problem.kinds

    def seconds(quantity: Quantity) -> Floats:
        return q[:, kinds.rows(quantity)[: kinds.count]].T

    forward = seconds(Quantity.FORWARD)
    backward = seconds(Quantity.INPUT_GRAD) + seconds(Quantity.WEIGHT_GRAD)
    reduce = np.maximum(seconds(Quantity.REDUCE) - backward, 0.0)
    regather = np.maximum(seconds(Quantity.REGATHER) - forward, 0.0)
    return UnitCosts(
        forward=forward,
        backward=backward,
        again=seconds(Quantity.AGAIN),
        step=seconds(Quantity.STEP) + reduce + regather,
        static=q[:, Quantity.STATIC],
        saved=q[:, Quantity.SAVED_B] + q[:, Quantity.SAVED_W],
        kept=q[:, Quantity.KEPT],
        buffers=np.array(buffers),
        rebuilt=q[:, Quantity.SAVED_B] + q[:, Quantity.SAVED_W] - np.array(measured),
    )


@dataclass
class StageModel:
    """One solve: which unit on which stage, which units recomputed. `capacity` is in bytes, of
    every stage."""

    problem: ShardingProblem
    costs: UnitCosts
    in_flight: Sequence[int]
    capacity: Floats
    pins: Sequence[PinMasks]
    may_recompute: bool
    must_recompute: bool

    def __post_init__(self) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        split = self.problem.split
        self.placement = placement(self.problem.spec.train.pipeline, split.stages)
        self.chunks = range(len(self.placement))
        self.on_stage = [
            [k for k in self.chunks if self.placement[k] == s] for s in range(split.stages)
        ]
        self.kind_of = [split.kinds[stage] for stage in self.placement]
        self.units = len(self.problem.spec.graph.units)
        self.places = unit_places(self.problem)
        self.wishes = [w for pin in self.pins if pin.is_hard for w in pin.units]
        self._add_units()
        self._add_recompute()
        self._add_times()
        self._add_memory()

    # ---- variables -------------------------------------------------------------------------

    def _add_units(self) -> None:
        new = self.model.new_bool_var
        one = self.model.new_constant(1)
        zero = self.model.new_constant(0)
        self.at_least = [
            [one, *(new(f"u{u}_{k}") for k in self.chunks[1:]), zero] for u in range(self.units)
        ]
        for row in self.at_least:
            for k in self.chunks[2:]:
                self.model.add_implication(row[k], row[k - 1])
        edges = dict.fromkeys((x.source_unit, x.target_unit) for x in self.problem.sends)
        for source, target in edges:
            for k in self.chunks[1:]:
                self.model.add_implication(self.at_least[source][k], self.at_least[target][k])
        for k in self.chunks:
            self.model.add(sum(self._in(u, k) for u in range(self.units)) >= 1)
        stages = len(self.on_stage)
        for wish in self.wishes:
            if wish.stages is not None:
                for k, stage in enumerate(self.placement):
                    if not stage_allowed(wish, stage, stages):
                        self.model.add(self._in(wish.unit, k) == 0)

    def _in(self, unit: int, chunk: int) -> Linear:
        return self.at_least[unit][chunk] - self.at_least[unit][chunk + 1]

    def _wants(self, unit: int) -> bool | None:
        for wish in self.wishes:
            if wish.unit == unit and wish.again is not None:
                return wish.again != wish.inverted
        return None

    def _add_recompute(self) -> None:
        """Count variables; which units of a class in a chunk does not matter, pins aside."""
        self.again: dict[tuple[int, int], cp_model.IntVar] = {}
        everywhere = self.problem.spec.train.recompute == "full"
        for c, unit_class in enumerate(self.problem.classes):
            members = [u for u, (d, _) in enumerate(self.places) if d == c]
            for k in self.chunks:
                there = [self._in(u, k) for u in members]
                forced = [self._in(u, k) for u in members if self._wants(u)]
                barred = [self._in(u, k) for u in members if self._wants(u) is False]
                count = self.model.new_int_var(0, len(members), f"again{k}_{c}")
                self.again[k, c] = count
                if self.must_recompute and (unit_class.is_layer or everywhere):
                    self.model.add(count == sum(there))
                elif self.may_recompute and unit_class.is_layer:
                    self.model.add(count <= sum(there) - sum(barred))
                    self.model.add(count >= sum(forced))
                else:
                    self.model.add(count == sum(forced))

    # ---- constraints -----------------------------------------------------------------------

    def _add_times(self) -> None:
        """The chunks before a stage's first one lead to it."""
        m = self.problem.split.microbatches
        c = self.costs
        work = (c.forward + c.backward + c.again).max(axis=0).sum()
        self.tick = self._tick_of(float(work * m + c.step.max(axis=0).sum()))
        self.makespan = self.model.new_int_var(0, 2**48, "makespan")
        fused = self.problem.spec.train.pipeline.family is not None
        heads: list[Linear] = []
        ramps: list[Linear] = []
        for first, chunks in enumerate(self.on_stage):
            own = sum(self._work(k, m) for k in chunks)
            tail = sum(self._sum(c.step, k) for k in chunks)
            self.model.add(sum(heads) + own + tail <= self.makespan)
            if fused:
                self.model.add(sum(heads) + own + sum(ramps) <= self.makespan)
            heads.append(self._sum(c.forward, first))
            ramps.append(self._sum(c.backward, first) + self._again_sum(c.again, first))
        self.model.minimize(self.makespan)

    def _work(self, chunk: int, microbatches: int) -> Linear:
        c = self.costs
        own = self._sum(microbatches * (c.forward + c.backward), chunk)
        return own + self._again_sum(microbatches * c.again, chunk)

    def _sum(self, seconds: Floats, chunk: int) -> Linear:
        ticks = self._ticks(seconds[self.kind_of[chunk]])
        return sum(int(t) * self._in(u, chunk) for u, t in enumerate(ticks) if t)

    def _tick_of(self, total: float) -> float:
        """Seconds of a tick, where all work takes `total` seconds."""
        return max(total, 1e-12) / TICKS

    def _ticks(self, seconds: Floats) -> Floats:
        """Times in whole ticks."""
        return np.asarray(np.rint(seconds / self.tick))

    def _kib(self, amounts: Floats) -> Floats:
        """KiB in whole ones: no plan that is found is too large."""
        return np.asarray(np.ceil(amounts))

    def _rest_of(self, values: Floats, unit_class: int) -> float:
        members = [u for u, (d, _) in enumerate(self.places) if d == unit_class]
        return float(values[members[-1]])

    def _again_sum(self, seconds: Floats, chunk: int) -> Linear:
        own = seconds[self.kind_of[chunk]]
        return sum(
            int(self._ticks(np.array(self._rest_of(own, c)))) * self.again[chunk, c]
            for c in range(len(self.problem.classes))
        )

    def _add_memory(self) -> None:
        for s, chunks in enumerate(self.on_stage):
            if np.isfinite(self.capacity[s]):
                total = sum(self._held(k) for k in chunks) + self._buffers(s, chunks)
                self.model.add(total <= int(self.capacity[s] // KIB))

    def _held(self, chunk: int) -> Linear:
        """KiB of a chunk's parameters and of what it saves for the micro-batches in flight."""
        c, held = self.costs, self.in_flight[chunk]
        kib = self._kib((c.static + held * c.saved) / KIB)
        total = sum(int(b) * self._in(u, chunk) for u, b in enumerate(kib))
        for k in range(len(self.problem.classes)):
            less = self._rest_of(held * (c.kept - c.saved), k)
            total = total + int(self._kib(np.array(less / KIB))) * self.again[chunk, k]
        return total

    def _buffers(self, stage: int, chunks: Sequence[int]) -> Linear:
        largest = self.model.new_int_var(0, 2**40, f"buffers{stage}")
        recomputed = self.model.new_int_var(0, 2**40, f"recomputed{stage}")
        for u, amount in enumerate(self.costs.buffers):
            if amount:
                there = sum(self._in(u, k) for k in chunks)
                self.model.add(largest >= int(self._kib(np.array(amount / KIB))) * there)
        for c in range(len(self.problem.classes)):
            whole = int(self._kib(np.array(self._rest_of(self.costs.rebuilt, c) / KIB)))
            used = self.model.new_bool_var(f"recomputes{stage}_{c}")
            self.model.add(sum(self.again[k, c] for k in chunks) <= self.units * used)
            self.model.add(recomputed >= whole * used)
        return largest + recomputed

    # ---- solving ---------------------------------------------------------------------------

    def solve(self, limits: Limits) -> Pattern | None:
        """The best pattern, or None where none is found (or none exists)."""
        answer = run(self.model, limits)
        return self._pattern(answer) if answer.has_solution else None

    def _pattern(self, answer: Answer) -> Pattern:
        value = answer.solver.value
        chunk_of = tuple(sum(int(value(x)) for x in row[1:-1]) for row in self.at_least)
        again = [False] * self.units
        for (k, c), count in self.again.items():
            members = [u for u, (d, _) in enumerate(self.places) if d == c and chunk_of[u] == k]
            ranked = sorted(members, key=lambda u: (self._rank(u), u))
            for u in ranked[: int(value(count))]:
                again[u] = True
        return Pattern(self.placement, chunk_of, tuple(again))

    def _rank(self, unit: int) -> int:
        wanted = self._wants(unit)
        return 0 if wanted else (2 if wanted is False else 1)


def respects(pins: Sequence[PinMasks], pattern: Pattern) -> bool:
    """Whether a pattern keeps every hard pin on stages and recomputation."""
    return all(keeps(w, pattern) for pin in pins if pin.is_hard for w in pin.units)


def keeps(wish: UnitWish, pattern: Pattern) -> bool:
    """Whether a pattern grants one wish."""
    if wish.stages is not None:
        stage = pattern.placement[pattern.chunk_of[wish.unit]]
        return stage_allowed(wish, stage, pattern.stages)
    return (pattern.again[wish.unit] == wish.again) != wish.inverted
