"""One split of the mesh: bound it, search its stage maps and selections, schedule the best."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dsl.spec import Spec
from solver.cpsat import Limits
from solver.plan.document import Plan, capacity
from solver.search.choose import Choice, Chooser, broken, soft_penalties
from solver.search.order import fits, order, quick
from solver.search.terms import bound_weights, stage_terms
from solver.sharding.build import NoStrategyError, build
from solver.sharding.energy import Domain, energy, full_domain
from solver.sharding.messages import Messages
from solver.sharding.problem import Selection, ShardingProblem
from solver.space.fold import UnitClass, Wiring
from solver.space.mesh import Split
from solver.space.pins import PinMasks, compile_pins
from solver.stages.figures import figures
from solver.stages.model import StageModel, keeps, respects, unit_costs
from solver.stages.pattern import Pattern

ALL_PATTERNS = 40  # up to this many stage maps, each is searched
SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Found:
    """A plan and its objective value."""

    plan: Plan
    value: float


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one part of the search may take, and how."""

    seconds: float
    workers: int
    seed: int
    deterministic: bool
    stop: threading.Event

    def limits(self, share: float = 1.0) -> Limits:
        """CP-SAT limits for a share of the time."""
        return Limits(self.seconds * share, self.workers, self.seed, self.deterministic, self.stop)


def hard_domain(problem: ShardingProblem, pins: tuple[PinMasks, ...]) -> Domain | None:
    """What the hard pins leave; None when a node or a store has nothing left."""
    domain = full_domain(problem)
    nodes, stores = list(domain.nodes), list(domain.stores)
    for pin in pins:
        if not pin.is_hard:
            continue
        for number, breaks in pin.nodes.items():
            nodes[number] = nodes[number] & ~breaks
        for number, breaks in pin.stores.items():
            stores[number] = stores[number] & ~breaks
    if not all(mask.any() for mask in nodes) or not all(mask.any() for mask in stores):
        return None
    return Domain(tuple(nodes), tuple(stores))


class SplitSearch:
    """The search within one split. Cheap to make; `prepare` builds the tables."""

    def __init__(
        self,
        spec: Spec,
        split: Split,
        wiring: Wiring,
        classes: tuple[UnitClass, ...],
        named: frozenset[str],
    ) -> None:
        self.spec, self.split = spec, split
        self.wiring, self.classes, self.named = wiring, classes, named
        self.capacity = capacity(spec)
        self.bound = -math.inf
        self.closed = False
        self.ready: _Ready | None = None

    # ---- bounds ----------------------------------------------------------------------------

    def prepare(self, cutoff: float) -> None:
        """Build the tables and a lower bound on every plan of this split; closes it when hard pins
        leave nothing."""
        try:
            problem = build(self.spec, self.split, self.wiring, self.classes, self.named)
        except NoStrategyError:
            self._close(math.inf)
            return
        pins = compile_pins(problem)
        domain = hard_domain(problem, pins)
        if domain is None:
            self._close(math.inf)
            return
        self.ready = _Ready(problem, pins, domain, Chooser(problem, pins, domain, False))
        self.bound = max(self.bound, self._relaxed_bound(cutoff))

    def _close(self, bound: float) -> None:
        self.bound, self.closed, self.ready = max(self.bound, bound), True, None

    def _relaxed_bound(self, cutoff: float) -> float:
        """Messages over the mean of all stages, no memory limit: holds for every pattern."""
        ready = self.ready
        assert ready is not None
        none = np.zeros(len(self.classes), dtype=bool)
        weights = bound_weights(ready.problem, 0.0, none)
        made = energy(ready.problem, weights, ready.domain, soft_penalties(ready.pins), cutoff)
        if any(len(kept) == 0 for kept in made.kept):
            return math.inf
        messages = Messages(made)
        for _ in range(SWEEPS):
            messages.sweep()
        return messages.bound()

    # ---- search ----------------------------------------------------------------------------

    def search(self, cutoff: float, effort: Effort, report: Callable[[Found], None]) -> None:
        """Look for plans below `cutoff`; the split is closed afterwards, with the best bound."""
        assert self.ready is not None
        best = cutoff

        def keep(found: Found) -> None:
            nonlocal best
            if found.value < best:
                best = found.value
                report(found)

        patterns = self._all_patterns()
        if patterns is not None:
            bounds = [self._try(p, best, effort, keep, len(patterns)) for p in patterns]
            self._close(min(bounds, default=math.inf))
        else:
            bound = self._climb(best, effort, keep)
            self._close(bound)

    def _all_patterns(self) -> list[Pattern] | None:
        """Every stage map with every recomputation, when there are few."""
        found: list[Pattern] = []
        for stage_of in self._stage_maps():
            for again in self._recomputations():
                if len(found) >= ALL_PATTERNS:
                    return None
                pattern = Pattern(self.split.stages, stage_of, again)
                if self.ready and respects(self.ready.pins, pattern):
                    found.append(pattern)
        return found

    def _stage_maps(self) -> Iterator[tuple[int, ...]]:
        """Non-decreasing along edges, no stage empty."""
        ready = self.ready
        assert ready is not None
        units, stages = len(self.spec.graph.units), self.split.stages
        if stages == 1:
            yield (0,) * units
            return
        edges = sorted({(x.source_unit, x.target_unit) for x in ready.problem.sends})
        for stage_of in itertools.product(range(stages), repeat=units):
            monotone = all(stage_of[s] <= stage_of[t] for s, t in edges)
            if monotone and len(set(stage_of)) == stages:
                yield stage_of

    def _recomputations(self) -> Iterator[tuple[bool, ...]]:
        """How many layers of each class recompute, the first ones; pins may name others."""
        mode = self.spec.train.recompute
        place = {u: c for c, k in enumerate(self.classes) for u in k.units}
        units = [u.name for u in self.spec.graph.units]
        layer = [self.classes[place[u]].is_layer for u in units]
        wishes = self._recompute_wishes()
        if mode != "auto":
            yield tuple((mode == "full" and is_layer) for is_layer in layer)
            return
        free = [u for u, is_layer in enumerate(layer) if is_layer and u not in wishes]
        for count in self._counts(free, place, units):
            yield tuple(wishes.get(u, u in count) for u in range(len(units)))

    def _recompute_wishes(self) -> dict[int, bool]:
        assert self.ready is not None
        found = {}
        for pin in self.ready.pins:
            for wish in pin.units:
                if wish.again is not None and pin.is_hard:
                    found[wish.unit] = wish.again != wish.inverted
        return found

    def _counts(
        self, free: list[int], place: dict[str, int], units: list[str]
    ) -> Iterator[frozenset[int]]:
        """Sets of recomputed units: any subset per stage matters only by its size, but which stage
        they are on is not known here, so all subsets of runs are offered when stages > 1."""
        if self.split.stages > 1:
            for size in range(len(free) + 1):
                for chosen in itertools.combinations(free, size):
                    yield frozenset(chosen)
            return
        members: dict[int, list[int]] = {}
        for u in free:
            members.setdefault(place[units[u]], []).append(u)
        for sizes in itertools.product(*(range(len(m) + 1) for m in members.values())):
            picked = [m[:n] for m, n in zip(members.values(), sizes, strict=True)]
            yield frozenset(itertools.chain.from_iterable(picked))

    # ---- one pattern -----------------------------------------------------------------------

    def _full_flight(self) -> list[int]:
        m, stages = self.split.microbatches, self.split.stages
        return [min(m, stages - s) for s in range(stages)]

    def _choose(self, pattern: Pattern, held: list[int], cutoff: float, limits: Limits) -> Choice:
        ready = self.ready
        assert ready is not None
        terms = stage_terms(ready.problem, pattern, held, self.capacity)
        penalty = self._unit_penalty(pattern)
        choice = ready.chooser.choose(terms, pattern, held, cutoff - penalty, limits)
        return Choice(choice.selection, choice.value + penalty, choice.bound + penalty)

    def _unit_penalty(self, pattern: Pattern) -> float:
        """Weights of soft pins that ask only about stages or recomputation and are broken."""
        assert self.ready is not None
        return sum(
            pin.pin.weight or 0.0
            for pin in self.ready.pins
            if not pin.is_hard
            and not (pin.nodes or pin.stores)
            and not all(keeps(w, pattern) for w in pin.units)
        )

    def _try(
        self,
        pattern: Pattern,
        cutoff: float,
        effort: Effort,
        keep: Callable[[Found], None],
        share: int,
    ) -> float:
        """Search one pattern; a lower bound on its plans is returned."""
        if effort.stop.is_set():
            return self.bound
        held = [1] * self.split.stages
        choice = self._choose(pattern, held, cutoff, effort.limits(1 / share))
        bound = max(choice.bound, self.bound)
        if choice.selection is None or bound >= cutoff:
            return bound
        self._schedule(choice.selection, pattern, effort, 1 / share, keep)
        return bound

    def _schedule(
        self,
        selection: Selection,
        pattern: Pattern,
        effort: Effort,
        share: float,
        keep: Callable[[Found], None],
    ) -> None:
        ready = self.ready
        assert ready is not None
        f = figures(ready.problem, selection, pattern)
        ordered = order(
            f,
            self.split.microbatches,
            self.capacity,
            self.spec.train.pipeline.family,
            effort.seconds * share,
            effort.workers,
            effort.seed,
            effort.deterministic,
            effort.stop,
        )
        if ordered.actions is None:
            return
        missed = tuple(
            broken(ready.problem, pin, selection) or not all(keeps(w, pattern) for w in pin.units)
            for pin in ready.pins
        )
        weights = [pin.pin.weight or 0.0 for pin in ready.pins]
        penalty = math.fsum(w for w, miss in zip(weights, missed, strict=True) if miss)
        plan = Plan(
            ready.problem,
            selection,
            pattern,
            ordered.actions,
            ordered.makespan,
            missed,
            ready.pins,
        )
        keep(Found(plan, ordered.makespan + penalty))

    # ---- many patterns: climb --------------------------------------------------------------

    def _climb(self, cutoff: float, effort: Effort, keep: Callable[[Found], None]) -> float:
        """Alternate between selections for a pattern and patterns for a selection."""
        best: tuple[float, Selection, Pattern] | None = None
        for held in dict.fromkeys([tuple(self._full_flight()), (1,) * self.split.stages]):
            for pattern in self._starts():
                best = self._alternate(pattern, list(held), cutoff, effort, best)
                if effort.stop.is_set():
                    break
            if best is not None:
                break
        if best is not None:
            _, selection, pattern = best
            self._schedule(selection, pattern, effort, 0.5, keep)
        return self.bound

    def _alternate(
        self,
        pattern: Pattern,
        held: list[int],
        cutoff: float,
        effort: Effort,
        best: tuple[float, Selection, Pattern] | None,
    ) -> tuple[float, Selection, Pattern] | None:
        seen: list[Pattern] = []
        while pattern not in seen and len(seen) < 3 and not effort.stop.is_set():
            seen.append(pattern)
            choice = self._choose(pattern, held, cutoff * 1.2, effort.limits(0.2))
            if choice.selection is None:
                return best
            value = self._quick(choice.selection, pattern)
            if best is None or value < best[0]:
                best = (value, choice.selection, pattern)
            improved = self._stage_map(choice.selection, held, effort)
            if improved is None:
                break
            value = self._quick(choice.selection, improved)
            if value < best[0]:
                best = (value, choice.selection, improved)
            pattern = improved
        return best

    def _quick(self, selection: Selection, pattern: Pattern) -> float:
        ready = self.ready
        assert ready is not None
        f = figures(ready.problem, selection, pattern)
        if not fits(f, self.capacity):
            return math.inf
        family = self.spec.train.pipeline.family
        return quick(f, self.split.microbatches, self.capacity, family)

    def _stage_map(self, selection: Selection, held: list[int], effort: Effort) -> Pattern | None:
        ready = self.ready
        assert ready is not None
        mode = self.spec.train.recompute
        model = StageModel(
            ready.problem,
            unit_costs(ready.problem, selection),
            held,
            self.capacity,
            ready.pins,
            may_recompute=mode == "auto",
            must_recompute=mode == "full",
        )
        return model.solve(effort.limits(0.2))

    def _starts(self) -> Iterator[Pattern]:
        """Balanced stage maps: without recomputation, then with it everywhere."""
        ready = self.ready
        assert ready is not None
        mode = self.spec.train.recompute
        units, stages = self.spec.graph.units, self.split.stages
        place = {u: c for c, k in enumerate(self.classes) for u in k.units}
        layers = [self.classes[place[u.name]].is_layer for u in units]
        total, done = max(sum(layers), 1), 0
        stage_of = []
        for is_layer in layers:
            stage_of.append(min(stages - 1, done * stages // total))
            done += is_layer
        if len(set(stage_of)) < stages:  # too few layers: deal out all units
            stage_of = [u * stages // len(units) for u in range(len(units))]
        wishes = self._recompute_wishes()
        modes = {"auto": (False, True), "none": (False,), "full": (True,)}[mode]
        for again in modes:
            flags = tuple(wishes.get(u, again and layer) for u, layer in enumerate(layers))
            yield Pattern(stages, tuple(stage_of), flags)


@dataclass(frozen=True, slots=True)
class _Ready:
    problem: ShardingProblem
    pins: tuple[PinMasks, ...]
    domain: Domain
    chooser: Chooser
