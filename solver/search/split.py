"""One split of the mesh: bound it, search its stage maps and selections, schedule the best."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from solver.cost.collectives import Floats
from solver.cpsat import Limits
from solver.engine.medium import message_bound
from solver.plan.document import capacities
from solver.schedule import OrderPin
from solver.search.choose import Choice, choose
from solver.search.climb import Climb, Spot
from solver.search.effort import Effort
from solver.search.floor import MemoryFloor, memory_floor, stage_choices
from solver.search.goal import Found, Goal
from solver.search.order import APART
from solver.search.order_pins import missing_weight, pins_of
from solver.search.patterns import (
    all_patterns,
    has_orders,
    has_stage_maps,
    least_flight,
    starts,
)
from solver.search.pool import Pool
from solver.search.proof import applies, prove
from solver.search.ready import Ready
from solver.search.scheduling import schedule
from solver.search.stagewise.bound import Stagewise
from solver.search.stagewise.bound import applies as has_stages
from solver.search.stagewise.deal import Dealer, joined
from solver.search.stagewise.oracle import Joined
from solver.search.terms import bound_weights, priced_weights, stage_terms
from solver.search.values import penalty, soft_penalties
from solver.sharding.build import Frame, NoStrategyError, build, keep_strategies, with_edges
from solver.sharding.domain import Domain, alone, hard_domain, not_too_dear, own_costs
from solver.sharding.lower.lowering import Aim
from solver.sharding.lower.tables import Tables, tables
from solver.sharding.lower.weighted import weighted
from solver.sharding.problem import Selection, ShardingProblem
from solver.sharding.terms import SoftLimit, StageTerms
from solver.space.fold import by_stage
from solver.space.mesh import Split
from solver.space.pins import PinMasks, compile_pins
from solver.stages.figures import StageFigures
from solver.stages.model import keeps
from solver.stages.pattern import Pattern

SWEEPS = 6
PRICES = 5
CHAINED = ("interleaved", *APART)  # families that take a chain of chunks only
CLOSED = 1e-9  # relative: a bound so near to the cutoff leaves nothing to find


class SplitSearch:
    """The search within one split.

    `glance` bounds it, `sketch` finds a first plan, `prepare` builds all tables and a better bound,
    `search` looks for the best plan and closes it.
    """

    def __init__(self, frame: Frame, split: Split, goal: Goal) -> None:
        self.frame, self.spec, self.split = frame, frame.spec, split
        self.classes = frame.classes
        self.goal, self.capacity, self.step_limit = goal, goal.capacity, goal.step_limit
        own = capacities(self.spec)
        self.rooms = np.minimum(goal.capacity, [own[kind] for kind in split.kinds])  # per stage
        self.bound = 0.0
        self.outlook = 0.0  # the least that plans in the order of 1F1B can be expected to take
        self.estimate = math.inf  # of the best plan, from a sketch
        self.glanced = self.closed = False
        self.sketch_late = False
        self.space = ""
        self.ready: Ready | None = None
        self.stagewise: Stagewise | None = None
        self.refined = self.tight = self.dealt = False  # how far bounds and plans were looked for
        self.ranged = False  # bounded with other micro-batch counts, which leaves out the ramp
        self.turns = 0  # how often it has been searched
        self.pool: Pool | None = None

    # ---- bounds ----------------------------------------------------------------------------

    def glance(self, cutoff: float = math.inf) -> None:
        """A bound from every choice's own cost, of what is below `cutoff`; closes the split when
        hard pins leave nothing.

        `sketch_late` says whether a sketch is best made after `prepare`: with one stage and only
        coarse strategies it has the same tables, and the bound often ends it at once.
        """
        self.glanced = True
        made = self._start(coarse=False)
        if made is None:
            self.close(math.inf)
            return
        problem, pins, domain = made
        self.sketch_late = problem.is_coarse and self.split.stages == 1
        self.space = problem.space
        rows = bound_weights(problem)
        self.bound = max(alone(own_costs(problem, row, domain, {})) for row in rows)
        stagewise = self._stagewise(problem, pins, domain)
        if stagewise is not None:
            self.bound = max(self.bound, stagewise.bound(cutoff))

    def _stagewise(
        self, problem: ShardingProblem, pins: tuple[PinMasks, ...], domain: Domain
    ) -> Stagewise | None:
        """The bound stage by stage, where it applies."""
        if self.spec.objective[0] == "memory" or not has_stages(problem):
            return None
        train = self.spec.train
        keeps_apart = train.recompute == "auto" and train.pipeline.family in APART
        mode = "none" if keeps_apart else train.recompute
        return Stagewise(problem, domain, pins, self.capacity, mode)

    @property
    def differs(self) -> bool:
        """Whether layers that are folded may still make other choices on another stage."""
        is_folded = any(len(k.units) > 1 for k in self.classes)
        return self.frame.stages_differ and is_folded and self.split.stages > 1

    def _start(self, coarse: bool) -> tuple[ShardingProblem, tuple[PinMasks, ...], Domain] | None:
        if not (has_stage_maps(self.spec, self.split) and has_orders(self.frame, self.split)):
            return None
        try:
            problem = build(self.frame, self.split, coarse)
        except NoStrategyError:
            return None
        pins = compile_pins(problem)
        domain = hard_domain(problem, pins)
        return None if domain is None else (problem, pins, domain)

    def sketch(self, cutoff: float, effort: Effort, report: Callable[[Found], None]) -> None:
        """A first plan: from the strategies of a prepared split, else from a search with layers
        folded, if they are not, else from the coarse strategies."""
        prepared = self.ready is not None
        if not prepared and self.frame.classes != self.frame.alike:
            self._sketch_folded(cutoff, effort, report)
        elif prepared or self._set_coarse():
            self.estimate = min(
                self.estimate, Climb(self, effort, thorough=False).run(cutoff, report)
            )
        if not prepared:
            self.ready = None

    def _sketch_folded(
        self, cutoff: float, effort: Effort, report: Callable[[Found], None]
    ) -> None:
        """Plans whose layers share their choices, from all strategies where there is one stage."""

        def keep(found: Found) -> None:
            problem = replace(found.plan.problem, space=self.space)
            report(replace(found, plan=replace(found.plan, problem=problem)))

        frame = replace(self.frame, classes=self.frame.alike)
        folded = SplitSearch(frame, self.split, self.goal)
        if self.split.stages == 1:
            folded.prepare(cutoff)
        if not folded.closed:
            folded.sketch(cutoff, effort, keep)
            self.estimate = min(self.estimate, folded.estimate)

    def _set_coarse(self) -> bool:
        made = self._start(coarse=True)
        if made is None:
            return False
        problem, pins, domain = made
        self._set_ready(with_edges(problem), pins, domain)
        return True

    def _set_ready(
        self, problem: ShardingProblem, pins: tuple[PinMasks, ...], domain: Domain
    ) -> Ready:
        self.ready = Ready(problem, pins, tables(problem, domain, pins))
        return self.ready

    def prepare(self, cutoff: float, deadline: float = math.inf, enough: float = math.inf) -> None:
        """All tables and a lower bound on every plan of this split below `cutoff`. Where no plan is
        known and a sketch comes next, memory has no price yet (`tighten`). After `deadline`, on the
        monotonic clock, or where it is `enough`, the bound is not raised any more.

        Strategies that cannot be part of such a plan are dropped before pairs are priced.
        """
        made = self._start(coarse=False)
        if made is None:
            self.close(math.inf)
            return
        problem, pins, domain = made
        # A choice of one stage alone costs less than one of all layers.
        left = problem if self.differs else self._without_dear(problem, pins, domain, cutoff)
        if left is None:
            self.close(cutoff)
            return
        self.sketch_late = problem.is_coarse and self.split.stages == 1
        self.space = problem.space
        problem = with_edges(left)
        pins = compile_pins(problem)
        remaining = hard_domain(problem, pins)
        assert remaining is not None
        ready = self._set_ready(problem, pins, remaining)
        shares = soft_penalties(pins)
        for row in bound_weights(problem):
            self.bound = max(self.bound, message_bound(weighted(ready.tables, row, shares), SWEEPS))
        self.stagewise = self._stagewise(problem, pins, remaining)
        if not (self.sketch_late and math.isinf(cutoff)):
            self.tighten(cutoff, deadline, enough)
        if self.split.counts:
            return
        if not self.closed and math.isinf(cutoff) and self.lacks_memory():
            self.close(math.inf)
        is_shaped = self.spec.train.pipeline.family in CHAINED
        if not self.closed and is_shaped and all_patterns(ready) == []:
            self.close(math.inf)

    def tighten(self, cutoff: float, deadline: float = math.inf, enough: float = math.inf) -> None:
        """Raise the bound of a prepared split by prices on memory; close it where that reaches
        `cutoff`."""
        assert self.ready is not None
        full = cutoff * (1 - CLOSED)
        enough = min(enough, full)
        if self.bound < enough and self.stagewise is not None:
            asked = Joined(self.ready.tables)
            late = partial(_is_past, deadline)
            self.bound = max(self.bound, self.stagewise.refine(asked, cutoff, late, enough))
            if self.bound < enough and self.split.stages > 1 and not self.split.counts:
                self.outlook = self.stagewise.in_order().refine(asked, cutoff, late, enough)
        is_alike = not (self.differs or self.split.counts)
        if self.bound < enough and is_alike and not _is_past(deadline):
            self.bound = max(self.bound, self._tight_bound(self.ready.tables, cutoff))
        if self.bound >= full:
            self.close(self.bound)

    def _without_dear(
        self,
        problem: ShardingProblem,
        pins: tuple[PinMasks, ...],
        domain: Domain,
        cutoff: float,
    ) -> ShardingProblem | None:
        """The problem without strategies that alone cost too much; None: nothing is left."""
        shares = soft_penalties(pins)
        masks = [*domain.nodes]
        for row in bound_weights(problem):
            own = own_costs(problem, row, domain, shares)
            if alone(own) > cutoff:
                return None
            masks = [a & b for a, b in zip(masks, not_too_dear(own, cutoff), strict=True)]
        return keep_strategies(problem, masks) if all(mask.any() for mask in masks) else None

    def _tight_bound(self, made: Tables, cutoff: float) -> float:
        """The bound with a price on memory: on average over stages, one micro-batch must fit.

        Lagrangian relaxation: at every price the bound holds (of a soft limit, up to what it asks
        itself); prices rise while that helps.
        """
        best = -math.inf
        for limit in (SoftLimit(self.capacity, math.inf), *self.goal.soft_bytes):
            price, before = 0.05 * self.bound / max(limit.value, 1.0), -math.inf
            for _ in range(PRICES):
                price = min(price, limit.price)
                rows = priced_weights(made.problem, price, self.spec.train.recompute)
                here = min(message_bound(weighted(made, row, {}), SWEEPS) for row in rows)
                here = min(here - price * limit.value, cutoff)
                best = max(best, here)
                if here <= before or price == limit.price:
                    break
                before, price = here, price * 3
        return best

    def close(self, bound: float) -> None:
        """Nothing more to do here; `bound` is what was proven."""
        self.bound, self.closed = max(self.bound, bound), True
        self.forget()

    def forget(self) -> None:
        """Let go of all tables."""
        self.ready = self.stagewise = self.pool = None

    def memory_floor(self) -> float:
        """Bytes every plan of this split needs; infinite when pins leave a unit no stage."""
        floor = self._floor()
        return math.inf if floor is None else floor.fullest

    def lacks_memory(self) -> bool:
        """Whether the stages have less memory than every plan of this split needs."""
        floor = self._floor()
        return floor is None or floor.exceeds(self.rooms)

    def _floor(self) -> MemoryFloor | None:
        ready = self.ready
        assert ready is not None
        choices = stage_choices(ready.problem, ready.pins)
        if choices is None:
            return None
        return memory_floor(ready.tables, choices, self.spec.train.recompute)

    # ---- search ----------------------------------------------------------------------------

    def any_plan(self, effort: Effort, coarse: bool) -> bool:
        """Whether some selection and stage map fit with one micro-batch in flight; looks among the
        coarse strategies, or among all (after `prepare`)."""
        if coarse and not self._set_coarse():
            return False
        plans: list[Found] = []
        assert self.ready is not None
        for pattern in starts(self.ready, effort):
            held = least_flight(self.ready, pattern)
            limits = effort.limits(0.5)
            choice = self.choose(pattern, held, math.inf, limits, prove=False)
            if choice.selection is not None:
                schedule(self, choice.selection, pattern, effort, 0.2, plans.append)
            if plans:
                break
        if coarse:
            self.ready = None
        return bool(plans)

    def by_stages(self, pattern: Pattern) -> SplitSearch:
        """The same split, prepared for plans of this stage map: layers of one stage share their
        choices, those of different ones do not."""
        classes = by_stage(self.spec, self.classes, pattern.chunk_of)
        frame = replace(self.frame, classes=classes, stages_differ=False)
        apart = SplitSearch(frame, self.split, self.goal)
        apart.space = self.space
        problem = replace(with_edges(build(frame, self.split, coarse=False)), space=self.space)
        pins = compile_pins(problem)
        domain = hard_domain(problem, pins)
        assert domain is not None
        apart._set_ready(problem, pins, domain)
        return apart

    def deal(self, cutoff: float, effort: Effort, report: Callable[[Found], None]) -> None:
        """A plan in which every stage makes its own choices, from the map that the bound likes
        best (after `prepare`); what is below `cutoff` is reported."""
        self.dealt = True
        assert self.ready is not None
        if self.stagewise is None or self.split.stages == 1:
            self.sketch(cutoff, effort, report)
            return
        found = Dealer(self, effort).run(cutoff)
        if found is None:
            return
        pattern, picks = found
        apart = self.by_stages(pattern) if self.differs else self
        assert apart.ready is not None
        selection = joined(self.ready.problem, apart.ready.problem, pattern, picks)
        climb = Climb(apart, effort, thorough=False)
        self.estimate = min(self.estimate, climb.polish(selection, pattern, cutoff, report))

    def search(self, cutoff: float, effort: Effort, report: Callable[[Found], None]) -> None:
        """Look for plans below `cutoff`. Where stage maps are few the search can go on later;
        otherwise the split is closed afterwards, with the best bound."""
        assert self.ready is not None
        best = cutoff

        def keep(found: Found) -> None:
            nonlocal best
            if found.value < best:
                best = found.value
                report(found)

        if self.pool is None:
            patterns = all_patterns(self.ready)
            self.pool = None if patterns is None else Pool(self, patterns)
        if self.pool is not None:
            self.pool.run(best, effort, keep)
            self.bound = max(self.bound, self.pool.bound)
            if self.pool.is_done:
                self.close(self.bound)
        else:
            climb = Climb(self, effort, thorough=True)
            climb.run(best, keep)
            nothing = best == cutoff and self.lacks_memory()
            bound = self._prove(climb.best, effort, keep)
            self.close(math.inf if nothing else max(self.bound, bound))

    def _prove(self, spot: Spot | None, effort: Effort, keep: Callable[[Found], None]) -> float:
        """A bound from the exact model of all stage maps, where it applies, and what it finds."""
        if spot is None or effort.is_over() or not applies(self, spot.selection, spot.pattern):
            return self.bound
        proof = prove(self, spot.selection, spot.pattern, spot.value, effort)
        if proof.pattern is not None:
            schedule(self, spot.selection, proof.pattern, effort, 0.3, keep)
        return proof.bound

    # ---- one pattern -----------------------------------------------------------------------

    def choose(
        self, pattern: Pattern, held: list[int], cutoff: float, limits: Limits, prove: bool = True
    ) -> Choice:
        """The best selection for a pattern, `held[s]` micro-batches in flight; weights included."""
        ready = self.ready
        assert ready is not None
        terms = self.terms(pattern, held, self.rooms)
        extra = self.unit_penalty(pattern)
        choice = choose(ready.tables, terms, cutoff - extra, limits, self.aim(), prove=prove)
        return Choice(choice.selection, choice.value + extra, choice.bound + extra)

    def terms(self, pattern: Pattern, held: list[int], capacity: float | Floats) -> StageTerms:
        """How the quantities enter the times and bytes of a pattern's stages."""
        assert self.ready is not None
        soft = self.goal.soft_bytes
        return stage_terms(self.ready.problem, pattern, held, capacity, soft)

    def aim(self) -> Aim:
        """What selections are chosen for."""
        minimizes: Literal["time", "memory"] = "time"
        if self.spec.objective[0] == "memory":
            minimizes = "memory"
        return Aim(minimizes, self.step_limit, self.goal.soft_seconds)

    def unit_penalty(self, pattern: Pattern) -> float:
        """Weights of soft pins that ask only about stages or recomputation and are broken, or about
        operators that do not exist."""
        assert self.ready is not None
        missing = missing_weight(self.spec.pins, pattern.placement, self.split.microbatches)
        return missing + sum(
            pin.pin.weight or 0.0
            for pin in self.ready.pins
            if not pin.is_hard
            and not (pin.nodes or pin.stores)
            and not all(keeps(w, pattern) for w in pin.units)
        )

    def order_pins(self, f: StageFigures) -> tuple[OrderPin, ...]:
        """The pins on the order of operators."""
        return pins_of(self.spec, f, self.split.microbatches)

    def penalty(self, selection: Selection) -> float:
        """Weights of soft pins on operators or storage that a selection breaks."""
        assert self.ready is not None
        return penalty(self.ready.problem, self.ready.pins, selection)


def _is_past(deadline: float) -> bool:
    return math.isfinite(deadline) and time.monotonic() > deadline
