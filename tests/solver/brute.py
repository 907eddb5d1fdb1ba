"""The optimum of a tiny spec by trying every plan, priced by `solver/verify` alone.

The storage of a parameter changes the times and bytes of the stages that hold it, each by an
amount that depends only on how the parameter is used (README sections 6 and 7), so it is priced
once per use and added up; the optimum is priced again as a whole. Where overlap is scheduled the
tails of stages are no sums: what is never hidden of them is added up, and what is left a chance is
priced as a whole. A plan is only scheduled when its busiest stage leaves it a chance.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dsl.spec import Limit, Pin, Spec, StoredOver
from solver.verify.decisions import Decisions, ParameterChoice
from solver.verify.evaluate import evaluate
from solver.verify.figures import Figures, Phase, StageMemory, StageTime
from solver.verify.simulate import DeadlockError, run
from tests.solver.orders import Row, all_orders
from tests.solver.space import Place, Space

ROOM = 1 + 1e-9
Levels = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best plan: its objective, and what it decides."""

    value: float
    step_time: float
    peak: float
    decisions: Decisions
    order: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """What a storage option changes on one stage, in seconds and bytes."""

    forward: float
    input_grad: float
    weight_grad: float
    tail: float
    held: float
    gathered: float


def optimum(spec: Spec) -> Optimum | None:
    """The best plan of the whole space, or None where no plan keeps the hard pins and limits."""
    search = _Search(spec)
    for base in search.space.bases():
        search.consider(base)
    best = search.best
    if best is not None:
        again = evaluate(best.decisions, spec, best.order)
        assert math.isclose(again.objective, best.value, rel_tol=1e-9), (again.objective, best)
    return best


class _Search:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.space = Space(spec)
        self.best: Optimum | None = None
        self.deltas: dict[object, tuple[Delta, ...]] = {}
        on_storage = any(self._on_storage(pin) for pin in spec.pins)
        self.prices_whole = on_storage or spec.train.overlap == "scheduled"
        self.hard = [x for x in spec.limits if x.weight is None]
        self.soft = [x for x in spec.limits if x.weight is not None]
        self.steps = min((x.value for x in self.hard if x.quantity == "step_time"), default=1e30)
        self.places: dict[Place, list[str]] = {}

    def consider(self, base: Decisions) -> None:
        """Try every storage and order of a base."""
        operators = self.spec.graph.operators
        stage_of = {op.unit: base.operators[op.name].stage for op in operators}
        self.places = {}
        for name in self.space.wiring.parameters:
            self.places.setdefault(self.space.first_read(name, stage_of), []).append(name)
        plain = self._price(base)
        if not self._kept(plain, storage=False):
            return
        orders: list[tuple[tuple[Row, ...], list[float]]] | None = None
        names = list(self.places)
        for levels in itertools.product(*(self._options(base, p) for p in names)):
            chosen = {n: x for p, x in zip(names, levels, strict=True) for n in self.places[p]}
            penalty = self._for_pins(plain)
            times, memory = self._with_storage(base, plain, chosen)
            if self.prices_whole:
                if not self._may_win(times, memory, base.microbatches, 0.0):
                    continue
                priced = self._price(_store(base, chosen))
                if not self._kept(priced, storage=True):
                    continue
                penalty, times = self._for_pins(priced), list(priced.stages)
            if not self._may_win(times, memory, base.microbatches, penalty):
                continue
            if orders is None:
                orders = self._orders(base, plain)
            for order, held in orders:
                full = [replace(m, activations=a) for m, a in zip(memory, held, strict=True)]
                found = self._outcome(order, times, full, plain, penalty)
                if found is not None:
                    self.best = Optimum(*found, _store(base, chosen), order)

    # ---- prices ----------------------------------------------------------------------------

    def _price(self, decisions: Decisions) -> Figures:
        """The figures of one micro-batch after the other (W of a fused stage takes no time)."""
        parts = [p.size for p in self.spec.mesh.parts if p.name in decisions.pipeline]
        row: Row = tuple((p, j) for j in range(decisions.microbatches) for p in PHASES)
        return evaluate(decisions, self.spec, [row] * math.prod(parts))

    def _options(self, base: Decisions, place: Place) -> list[Levels]:
        """The storage levels of the parameters of a place: 0..3 on every axis with a free part."""
        used = base.parameters[self.places[place][0]].used
        taken = {*base.pipeline, *(part for _, parts in used for part in parts)}
        axes = dict.fromkeys(p.axis for p in self.spec.mesh.parts if p.name not in taken)
        choices = itertools.product(range(4), repeat=len(axes))
        return [tuple((a, n) for a, n in zip(axes, row, strict=True) if n) for row in choices]

    def _with_storage(
        self, base: Decisions, plain: Figures, chosen: dict[str, Levels]
    ) -> tuple[list[StageTime], list[StageMemory]]:
        """Times and bytes of the stages with these storage levels."""
        times, memory = self._stages(plain), list(plain.memory)
        gathered: dict[tuple[int, str], float] = {}
        for name, levels in chosen.items():
            unit = self.space.wiring.readers[name][0].operator.unit
            for s, delta in enumerate(self._deltas(base, plain, name, levels) if levels else ()):
                t = times[s]
                times[s] = StageTime(
                    t.forward + delta.forward,
                    t.input_grad + delta.input_grad,
                    t.weight_grad + delta.weight_grad,
                    t.tail + delta.tail,
                    t.fused,
                )
                memory[s] = replace(memory[s], parameters=memory[s].parameters + delta.held)
                gathered[s, unit] = gathered.get((s, unit), 0.0) + delta.gathered
        for s in range(len(times)):
            most = max((x for (t, _), x in gathered.items() if t == s), default=0.0)
            memory[s] = replace(memory[s], buffers=memory[s].buffers + most)
        return times, memory

    def _deltas(
        self, base: Decisions, plain: Figures, name: str, levels: Levels
    ) -> tuple[Delta, ...]:
        readers = [read.operator for read in self.space.wiring.readers[name]]
        key = (
            (base.pipeline, base.microbatches, name, levels, base.parameters[name].used),
            tuple(base.operators[op.name].cuts for op in readers),
            tuple((c.stage, c.recompute) for c in base.operators.values()),
        )
        if key not in self.deltas:
            other = self._price(_store(base, {name: levels}))
            stages = zip(self._stages(plain), self._stages(other), strict=True)
            pairs = zip(stages, plain.memory, other.memory, strict=True)
            self.deltas[key] = tuple(
                Delta(
                    new.forward - old.forward,
                    new.input_grad - old.input_grad,
                    new.weight_grad - old.weight_grad,
                    new.tail - old.tail,
                    _held(after) - _held(before),
                    after.buffers - before.buffers,
                )
                for (old, new), before, after in pairs
            )
        return self.deltas[key]

    def _stages(self, figures: Figures) -> list[StageTime]:
        """Times of the stages; where overlap is scheduled, only what is never hidden as tails."""
        if self.spec.train.overlap != "scheduled":
            return list(figures.stages)
        pairs = zip(figures.stages, figures.step_work, strict=True)
        return [replace(time, tail=work.update) for time, work in pairs]

    # ---- judgement -------------------------------------------------------------------------

    def _kept(self, figures: Figures, storage: bool) -> bool:
        """Whether the hard pins hold (those on storage only where it is decided)."""
        return all(
            bill.satisfied or pin.weight is not None or (self._on_storage(pin) and not storage)
            for pin, bill in zip(self.spec.pins, figures.bills, strict=False)
        )

    def _for_pins(self, figures: Figures) -> float:
        """What is paid for pins; what is paid for limits depends on the order."""
        return math.fsum(bill.paid for _, bill in zip(self.spec.pins, figures.bills, strict=False))

    def _on_storage(self, pin: Pin) -> bool:
        return any(isinstance(wish, StoredOver) for wish in pin.requirements)

    def _may_win(
        self,
        times: Sequence[StageTime],
        memory: Sequence[StageMemory],
        microbatches: int,
        penalty: float,
    ) -> bool:
        """Whether one micro-batch fits, and no bound says that the plan is too slow or large."""
        least = max(microbatches * time.per_microbatch + time.tail for time in times)
        if not self._fits(memory) or least > self.steps * ROOM:
            return False
        if self.spec.objective[0] == "memory":
            least = max(m.peak for m in memory)
        return self.best is None or least + penalty < self.best.value

    def _fits(self, memory: Sequence[StageMemory]) -> bool:
        limits = [x for x in self.hard if x.quantity == "memory"]
        peak = max(m.peak - m.reserve for m in memory)
        return all(m.peak <= m.limit * ROOM for m in memory) and all(
            peak + limit.reserve <= limit.value * ROOM for limit in limits
        )

    def _orders(self, base: Decisions, plain: Figures) -> list[tuple[tuple[Row, ...], list[float]]]:
        """Every order that can run, with the activations that it holds on each stage."""
        family, count = self.spec.train.pipeline.family, base.microbatches
        found = []
        for order in all_orders(family, plain.stages, plain.edges, count):
            with contextlib.suppress(DeadlockError):
                figures = evaluate(base, self.spec, order)
                found.append((order, [m.activations for m in figures.memory]))
        return found

    def _outcome(
        self,
        order: tuple[Row, ...],
        times: Sequence[StageTime],
        memory: Sequence[StageMemory],
        plain: Figures,
        penalty: float,
    ) -> tuple[float, float, float] | None:
        """Value, step time and peak of a plan that fits and beats the best one."""
        if not self._fits(memory):
            return None
        ends = [0.0] * len(times)
        for action in run(order, times, plain.edges):
            ends[action.stage] = max(ends[action.stage], action.end)
        step = max(end + time.tail for end, time in zip(ends, times, strict=True))
        if step > self.steps * ROOM:
            return None
        peak = max(m.peak for m in memory)
        value = penalty + (step if self.spec.objective[0] == "step_time" else peak)
        used = max(m.peak - m.reserve for m in memory)
        value += math.fsum(_charge(limit, used, step) for limit in self.soft)
        return (value, step, peak) if self.best is None or value < self.best.value else None


def _charge(limit: Limit, used: float, step: float) -> float:
    needed = step if limit.quantity == "step_time" else used + limit.reserve
    return (limit.weight or 0.0) * max(0.0, needed - limit.value)


PHASES: tuple[Phase, ...] = ("F", "B", "W")


def _held(memory: StageMemory) -> float:
    return memory.parameters + memory.gradients + memory.optimizer


def _store(base: Decisions, chosen: Mapping[str, Levels]) -> Decisions:
    """The decisions with these storage levels."""
    parameters = {
        name: ParameterChoice(choice.used, chosen.get(name, choice.levels))
        for name, choice in base.parameters.items()
    }
    return replace(base, parameters=parameters)
