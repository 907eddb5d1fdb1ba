"""The optimum of a small spec by one CP-SAT model per split, as a plan that the verifier prices."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from dsl.spec import Spec
from solver.cpsat import Answer, Limits, Linear, run
from solver.verify.decisions import Decisions
from solver.verify.evaluate import evaluate
from solver.verify.figures import Figures, Phase
from tests.solver.joint.choices import Choices, choices_of
from tests.solver.joint.model import JointModel
from tests.solver.joint.operators import PHASES
from tests.solver.joint.pins import add_pins
from tests.solver.joint.tables import Quantity, Tables, price_choices

FINE = 1e-8
"""A tick, as a share of a guess of the step time that is rarely above it."""
ROUNDING = 1e-6
"""How far the model's objective may be from the verifier's, relative."""

FRACTION = 1 << 16
"""Prices of a byte are in ticks over this."""

Row = tuple[tuple[Phase, int], ...]


@dataclass(frozen=True, slots=True)
class JointOptimum:
    """The best plan of all splits; `proved` unless a model was stopped by its time limit."""

    value: float
    figures: Figures
    decisions: Decisions
    order: tuple[Row, ...]


class NotProvedError(Exception):
    """A model reached its time limit."""


def joint_optimum(
    spec: Spec, below: float = math.inf, seconds: float = 60.0, workers: int = 1
) -> JointOptimum | None:
    """The proven optimum, or None where there is proven to be no plan of a value up to `below`;
    NotProvedError where a split takes longer than `seconds`."""
    splits = [(choices, price_choices(choices)) for choices in choices_of(spec)]
    if not splits:
        return None
    tick = FINE * min(_guess(*split) for split in splits)
    if spec.objective[0] == "memory":
        tick = 1.0
    best: JointOptimum | None = None
    for choices, tables in sorted(splits, key=lambda split: _guess(*split)):
        found = _Split(choices, tables, tick, below).solve(seconds, workers)
        if found is not None:
            best, below = found, found.value * (1 - ROUNDING)
    return best


def _guess(choices: Choices, tables: Tables) -> float:
    """A guess of the step time, for the size of a tick: the cheapest option of every operator by
    itself, spread evenly over the stages."""
    work = [Quantity.F, Quantity.B, Quantity.W]
    measured = [tables.unary[name][:, :, work].sum(axis=(1, 2)) for name in choices.operators]
    least = tables.constant[:, work].sum() + sum(float(row.min()) for row in measured)
    return max(float(least), 1e-9) * choices.microbatches / choices.stages


class _Split:
    def __init__(self, choices: Choices, tables: Tables, tick: float, below: float) -> None:
        from ortools.sat.python import cp_model

        self.spec, self.choices = choices.spec, choices
        self.by_time = choices.spec.objective[0] == "step_time"
        self.tick = tick
        self.model = cp_model.CpModel()
        scale = tick if self.by_time else FINE * _guess(choices, tables)
        self.joint = JointModel(self.model, choices, tables, scale)
        paid = add_pins(self.joint)
        value: Linear = self.joint.operators.makespan if self.by_time else self.joint.memory.peak
        value = value + sum(round(weight / tick) * broken for weight, broken in paid)
        value = value + self._soft_limits()
        for limit in self.spec.limits:
            if limit.quantity == "step_time" and limit.weight is None:
                self.model.add(
                    self.joint.operators.makespan <= self.joint.selection.ticks(limit.value)
                )
        if math.isfinite(below):
            self.model.add(value <= math.floor(below / tick))
        self.model.minimize(value)

    def _soft_limits(self) -> Linear:
        """What is paid for bytes over soft limits."""
        total: Linear = 0
        for number, limit in enumerate(self.spec.limits):
            if limit.weight is None:
                continue
            if limit.quantity != "memory" or not self.by_time:
                raise ValueError("this soft limit is not part of the joint model")
            over = self.model.new_int_var(0, 1 << 36, f"over limit {number}")
            self.model.add(over >= self.joint.memory.peak + round(limit.reserve - limit.value))
            cost = self.model.new_int_var(0, 1 << 44, f"paid for limit {number}")
            price = round(limit.weight / self.tick * FRACTION)
            self.model.add(FRACTION * cost >= price * over)
            total = total + cost
        return total

    def solve(self, seconds: float, workers: int) -> JointOptimum | None:
        """The best plan of the split, where it is better than the one known."""
        limits = Limits(seconds, workers, 0, False, threading.Event())
        answer = run(self.model, limits, {"linearization_level": 2}, confirm=False)
        if answer.status == "infeasible":
            return None
        if answer.status != "optimal":
            raise NotProvedError(f"{answer.status}, bound {answer.bound * self.tick}")
        return self._read(answer)

    def _read(self, answer: Answer) -> JointOptimum:
        value, joint = answer.solver.value, self.joint
        selection = joint.selection
        units = self.choices.units
        stage_of = {
            unit.name: next(s for s, x in enumerate(joint.stages.on[u]) if value(x))
            for u, unit in enumerate(units)
        }
        recomputed = {unit.name: bool(value(selection.again[u])) for u, unit in enumerate(units)}
        decisions = self.choices.decisions(
            {name: _which(answer, row) for name, row in selection.options.items()},
            {
                name: next(
                    selection.tables.storages[name][i][_which(answer, row)].levels
                    for i, row in enumerate(rows)
                    if any(value(x) for x in row)
                )
                for name, rows in selection.stored.items()
            },
            stage_of,
            recomputed,
        )
        order = tuple(self._row(answer, s) for s in joint.stages.stages)
        figures = evaluate(decisions, self.spec, order)
        assert all(bill.satisfied or bill.weight is not None for bill in figures.bills)
        assert all(m.peak <= m.limit * (1 + 1e-9) for m in figures.memory)
        said = answer.solver.objective_value * self.tick
        assert math.isclose(figures.objective, said, rel_tol=10 * ROUNDING), (figures, said)
        return JointOptimum(figures.objective, figures, decisions, order)

    def _row(self, answer: Answer, stage: int) -> Row:
        """The operators of a stage in the order they start."""
        joint, value = self.joint, answer.solver.value
        phases = PHASES[:2] if value(joint.stages.fused[stage]) else PHASES
        keys = [(phase, j) for phase in phases for j in range(joint.operators.count)]
        return tuple(sorted(keys, key=lambda key: value(joint.operators.start[(stage, *key)])))


def _which(answer: Answer, literals: list[Linear]) -> int:
    return next(i for i, x in enumerate(literals) if answer.solver.value(x))
