"""One split of the mesh: bound it, search its stage maps and selections, schedule the best."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cpsat import Limits
from solver.plan.document import Plan, capacity
from solver.search.choose import Choice, Chooser, broken, soft_penalties
from solver.search.floor import memory_floor, stage_ranges
from solver.search.order import fits, order, quick
from solver.search.terms import bound_weights, priced_weights, stage_terms
from solver.sharding.build import Frame, NoStrategyError, build, keep_strategies, with_edges
from solver.sharding.energy import Domain, Energy, energy, full_domain
from solver.sharding.messages import Messages
from solver.sharding.problem import Selection, ShardingProblem
from solver.space.mesh import Split
from solver.space.pins import PinMasks, compile_pins
from solver.stages.figures import figures
from solver.stages.model import StageModel, UnitCosts, keeps, respects, unit_costs
from solver.stages.pattern import Pattern

ALL_PATTERNS = 40  # up to this many stage maps, each is searched
SWEEPS = 6
PRICES = 5


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
    """The search within one split.

    `glance` bounds it, `sketch` finds a first plan, `prepare` builds all tables and a better bound,
    `search` looks for the best plan and closes it.
    """

    def __init__(self, frame: Frame, split: Split) -> None:
        self.frame, self.spec, self.split = frame, frame.spec, split
        self.classes = frame.classes
        self.capacity = capacity(frame.spec)
        self.bound = 0.0
        self.closed = False
        self.ready: _Ready | None = None

    # ---- bounds ----------------------------------------------------------------------------

    def glance(self) -> None:
        """A bound from every choice's own cost; closes the split when hard pins leave nothing."""
        made = self._start(coarse=False)
        if made is None:
            self._close(math.inf)
            return
        problem, _, domain = made
        self.bound = _alone(self._relaxed(problem, domain, {}, math.inf))

    def _start(self, coarse: bool) -> tuple[ShardingProblem, tuple[PinMasks, ...], Domain] | None:
        try:
            problem = build(self.frame, self.split, coarse)
        except NoStrategyError:
            return None
        pins = compile_pins(problem)
        domain = hard_domain(problem, pins)
        return None if domain is None else (problem, pins, domain)

    def _relaxed(
        self,
        problem: ShardingProblem,
        domain: Domain,
        penalties: dict[int, Floats],
        cutoff: float,
    ) -> Energy:
        """An energy whose minimum bounds every pattern, memory aside: of several the one that
        promises most."""
        made = [energy(problem, w, domain, penalties, cutoff) for w in bound_weights(problem)]
        return max(made, key=_alone)

    def sketch(self, cutoff: float, effort: Effort, report: Callable[[Found], None]) -> None:
        """A first plan from the coarse strategies, without a bound."""
        made = self._start(coarse=True)
        if made is None:
            return
        problem, pins, domain = made
        problem = with_edges(problem)
        self.ready = _Ready(problem, pins, domain, Chooser(problem, pins, domain, exact=False))
        self._climb(cutoff, effort, report)
        self.ready = None

    def prepare(self, cutoff: float) -> None:
        """All tables and a lower bound on every plan of this split below `cutoff`.

        Strategies that cannot be part of such a plan are dropped before pairs are priced.
        """
        made = self._start(coarse=False)
        if made is None:
            self._close(math.inf)
            return
        problem, pins, domain = made
        alone = self._relaxed(problem, domain, soft_penalties(pins), cutoff)
        if any(len(kept) == 0 for kept in alone.kept):
            self._close(cutoff)
            return
        masks = [
            np.isin(np.arange(node.size), kept)
            for node, kept in zip(problem.nodes, alone.kept, strict=True)
        ]
        problem = with_edges(keep_strategies(problem, masks))
        pins = compile_pins(problem)
        remaining = hard_domain(problem, pins)
        assert remaining is not None
        relaxed = self._relaxed(problem, remaining, soft_penalties(pins), cutoff)
        if any(len(kept) == 0 for kept in relaxed.kept):
            self._close(cutoff)
            return
        messages = Messages(relaxed)
        messages.run(SWEEPS)
        self.bound = max(self.bound, messages.bound)
        if self.bound < cutoff:
            self.bound = max(self.bound, self._tight_bound(problem, remaining, cutoff))
        if self.bound >= cutoff:
            self._close(self.bound)
            return
        self.ready = _Ready(problem, pins, remaining, Chooser(problem, pins, remaining, exact=True))

    def _tight_bound(self, problem: ShardingProblem, domain: Domain, cutoff: float) -> float:
        """The bound with a price on memory: on average over stages, one micro-batch must fit.

        Lagrangian relaxation: at every price the bound holds; prices rise while that helps.
        """
        best, price = -math.inf, 0.05 * self.bound / max(self.capacity, 1.0)
        mode = self.spec.train.recompute
        for _ in range(PRICES):
            here = math.inf
            for weights in priced_weights(problem, price, mode):
                made = energy(problem, weights, domain, {}, cutoff + price * self.capacity)
                if any(len(kept) == 0 for kept in made.kept):
                    continue  # nothing below the cutoff
                messages = Messages(made)
                messages.run(3)
                here = min(here, messages.bound - price * self.capacity)
            here = min(here, cutoff)
            if here <= best:
                break
            best, price = here, price * 3
        return best

    def _close(self, bound: float) -> None:
        self.bound, self.closed, self.ready = max(self.bound, bound), True, None

    def never_fits(self) -> bool:
        """Whether no plan of this split can fit the memory or the stages that pins allow."""
        ready = self.ready
        assert ready is not None
        ranges = stage_ranges(ready.problem, ready.pins)
        if ranges is None:
            return True
        mode = self.spec.train.recompute
        return memory_floor(ready.problem, ready.domain, ranges, mode) > self.capacity

    # ---- search ----------------------------------------------------------------------------

    def any_plan(self, effort: Effort) -> bool:
        """Whether some selection and stage map fit with one micro-batch in flight."""
        held = [1] * self.split.stages
        for pattern in self._starts(effort):
            choice = self._choose(pattern, held, math.inf, effort.limits(0.5))
            if choice.selection is not None:
                return True
        return False

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
            bounds = []
            for pattern in patterns:
                bounds.append(self._try(pattern, best, effort, keep, len(patterns)))
            self._close(min(bounds, default=math.inf))
        else:
            bound = self._climb(best, effort, keep)
            nothing = best == math.inf and self.never_fits()
            self._close(math.inf if nothing else bound)

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
        if effort.stop.is_set() or self.bound >= cutoff * (1 - 1e-9):
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
            for pattern in self._starts(effort):
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

    def _starts(self, effort: Effort) -> Iterator[Pattern]:
        """Balanced stage maps (or any that the pins allow): without recomputation, then with it
        everywhere."""
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
            pattern = Pattern(stages, tuple(stage_of), flags)
            if respects(ready.pins, pattern):
                yield pattern
            else:
                legal = self._legal_map(again, effort)
                if legal is not None:
                    yield legal

    def _legal_map(self, again: bool, effort: Effort) -> Pattern | None:
        """Any stage map that respects the pins and the graph."""
        ready = self.ready
        assert ready is not None
        zero = np.zeros(len(self.spec.graph.units))
        nothing = UnitCosts(*([zero] * 8))
        model = StageModel(
            ready.problem,
            nothing,
            self._full_flight(),
            math.inf,
            ready.pins,
            may_recompute=False,
            must_recompute=again,
        )
        return model.solve(effort.limits(0.2))


def _alone(made: Energy) -> float:
    """The sum of the least unary costs (infinite when a node has nothing left)."""
    return math.fsum(float(theta.min(initial=np.inf)) for theta in made.unary)


@dataclass(frozen=True, slots=True)
class _Ready:
    problem: ShardingProblem
    pins: tuple[PinMasks, ...]
    domain: Domain
    chooser: Chooser
