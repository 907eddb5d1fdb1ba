"""The best selection for one pattern of stages: prices, messages, pruning, CP-SAT.

1. A price per byte is raised until the cheapest selection fits (Lagrangian relaxation); messages
   give a bound and a selection at every price.
2. Every strategy whose lower bound is above the best selection found is dropped: no better plan
   uses it. If too many remain, the dearest are dropped too, and the least bound among them
   limits the bound that is reported.
3. CP-SAT solves what is left exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.cost.collectives import Floats
from solver.cpsat import Limits
from solver.search.terms import mean_weights
from solver.sharding.energy import Bools, Domain, Energy, Weights, energy, store_costs
from solver.sharding.messages import Messages
from solver.sharding.model import ShardingModel, StageTerms
from solver.sharding.problem import Selection, ShardingProblem
from solver.space.pins import PinMasks
from solver.stages.figures import figures
from solver.stages.pattern import Pattern

SWEEPS = 4
PRICES = 14
CELLS = 12_000  # pairs of labels that CP-SAT gets at most
TICKS = 4e6  # ticks in the best known step time


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection (None: none fits), its objective by the rows of `StageTerms` plus penalties, and
    a lower bound for every selection of this pattern."""

    selection: Selection | None
    value: float
    bound: float


@dataclass
class Chooser:
    """Chooses selections for one split; `domain` already respects the hard pins."""

    problem: ShardingProblem
    pins: Sequence[PinMasks]
    domain: Domain
    exact: bool  # whether CP-SAT settles what the messages leave open

    def __post_init__(self) -> None:
        self.penalties = soft_penalties(self.pins)

    # ---- evaluation ------------------------------------------------------------------------

    def value(self, terms: StageTerms, selection: Selection) -> float:
        """The objective of a selection: rows of times (or bytes) plus broken pins."""
        rows = row_values(self.problem, terms, selection)
        return rows + sum(
            pin.pin.weight or 0.0
            for pin in self.pins
            if not pin.is_hard and broken(self.problem, pin, selection)
        )

    def overflow(self, terms: StageTerms, pattern: Pattern, held: list[int], s: Selection) -> float:
        """Bytes over the capacity on the fullest stage (negative: room)."""
        return float(peak_bytes(self.problem, pattern, held, s).max() - terms.capacity)

    # ---- the three steps -------------------------------------------------------------------

    def choose(
        self,
        terms: StageTerms,
        pattern: Pattern,
        held: list[int],
        cutoff: float,
        limits: Limits,
    ) -> Choice:
        """The best selection; nothing at or above `cutoff` is of interest."""
        best: Selection | None = None
        best_value, bound = cutoff, -math.inf
        price, low, high = 0.0, 0.0, math.inf
        marginal_price: tuple[float, Energy, Messages, Weights] | None = None
        for _ in range(PRICES):
            weights = mean_weights(terms, price)
            free = price * terms.capacity if price else 0.0
            made = energy(self.problem, weights, self.domain, self.penalties, best_value + free)
            if any(len(kept) == 0 for kept in made.kept):
                return Choice(None, math.inf, math.inf)
            messages = Messages(made)
            messages.run(SWEEPS)
            here = messages.bound - free
            if here > bound:
                bound, marginal_price = here, (free, made, messages, weights)
            selection = self._selection(made, messages.improve(messages.decode()))
            over = self.overflow(terms, pattern, held, selection)
            value = self.value(terms, selection)
            if over <= 0:
                high = price
                if value < best_value:
                    best, best_value = selection, value
                if price == 0.0:
                    break
            else:
                low = price
            if bound >= best_value * (1 - 1e-9):
                break
            price = self._next_price(price, low, high, over, value)
            if high < math.inf and high - low < 0.05 * high:
                break
        assert marginal_price is not None
        free, made, messages, weights = marginal_price
        closed = bound >= best_value * (1 - 1e-9)
        if closed or (best is not None and not self.exact):
            return Choice(best, best_value, min(bound, best_value))
        return self._exact(terms, best, best_value, free, made, messages, weights, limits)

    def _next_price(
        self, price: float, low: float, high: float, over: float, value: float
    ) -> float:
        if high < math.inf:
            return (low + high) / 2
        if price == 0.0:
            return 0.05 * value / max(over, 1.0)
        return price * 3

    def _selection(self, made: Energy, chosen: Sequence[int]) -> Selection:
        strategies = tuple(int(kept[k]) for kept, k in zip(made.kept, chosen, strict=True))
        storage = tuple(
            int(options[store.labels[strategies[store.node]]])
            for store, options in zip(self.problem.stores, made.storage, strict=True)
        )
        return Selection(strategies, storage)

    def _exact(
        self,
        terms: StageTerms,
        best: Selection | None,
        best_value: float,
        free: float,
        made: Energy,
        messages: Messages,
        weights: Weights,
        limits: Limits,
    ) -> Choice:
        marginals = [x - free for x in messages.marginals()]
        threshold = self._threshold(made, marginals, best_value)
        domain = self._pruned(made, marginals, weights, threshold)
        total = messages.bound - free
        scale = best_value if math.isfinite(best_value) else max(total, 1e-3) * 2
        model = ShardingModel(self.problem, terms, domain, self.pins, scale / TICKS)
        if best is not None and self._inside(best, domain):
            model.hint(best)
        result = model.solve(limits)
        bound = min(threshold, max(result.bound, total))
        if result.selection is not None:
            value = self.value(terms, result.selection)
            if value < best_value:
                best, best_value = result.selection, value
        if math.isinf(threshold) and result.status == "infeasible":
            return (
                Choice(None, math.inf, math.inf)
                if best is None
                else Choice(best, best_value, best_value)
            )
        return Choice(best, best_value if best else math.inf, min(bound, best_value))

    def _threshold(self, made: Energy, marginals: list[Floats], best_value: float) -> float:
        """The least bound among what must be dropped to leave CP-SAT a model of fair size."""
        levels = np.unique(np.concatenate([x[x <= best_value] for x in marginals]))
        low, high = 0, len(levels)  # keep strategies below levels[high] (all if past the end)
        if self._cells(made, marginals, best_value) <= CELLS:
            return best_value
        while low < high:
            middle = (low + high + 1) // 2
            level = float(levels[middle]) if middle < len(levels) else best_value
            if self._cells(made, marginals, level) <= CELLS:
                low = middle
            else:
                high = middle - 1
        least = max(float(x.min()) for x in marginals)
        level = float(levels[low]) if low < len(levels) else best_value
        return max(level, float(np.nextafter(least, math.inf)))

    def _cells(self, made: Energy, marginals: list[Floats], level: float) -> int:
        total = 0
        for pair in made.pairs:
            if not pair.theta.any():
                continue
            u = len(np.unique(pair.labels_u[marginals[pair.u] < level]))
            v = len(np.unique(pair.labels_v[marginals[pair.v] < level]))
            total += u * v
        return total + sum(int((x < level).sum()) for x in marginals)

    def _pruned(
        self, made: Energy, marginals: list[Floats], weights: Weights, threshold: float
    ) -> Domain:
        nodes = []
        for node, kept, marginal in zip(self.problem.nodes, made.kept, marginals, strict=True):
            mask = np.zeros(node.size, dtype=bool)
            mask[kept[marginal < threshold]] = True
            nodes.append(mask)
        stores = []
        for number, store in enumerate(self.problem.stores):
            costs = store_costs(self.problem, number, weights)
            extra = costs - made.storage_cost[number][:, None]
            least = np.full(len(costs), np.inf)
            kept, marginal = made.kept[store.node], marginals[store.node]
            np.minimum.at(least, store.labels[kept], marginal)
            allowed = self.domain.stores[number] & (least[:, None] + extra < threshold)
            stores.append(self._thin(number, allowed))
        return Domain(tuple(nodes), tuple(stores))

    def _thin(self, number: int, allowed: Bools) -> Bools:
        """Drop options that cost at least as much time and bytes as another one of their label."""
        store = self.problem.stores[number]
        if any(number in pin.stores for pin in self.pins):
            return allowed  # a pin names this parameter
        table = store.costs.table
        extra = np.stack([store.costs.gathered, store.costs.shared])
        figures_ = np.concatenate([table, extra])  # [figure, label, option]
        result = allowed.copy()
        for label in range(result.shape[0]):
            options = np.flatnonzero(result[label])
            for z in options:
                others = [o for o in options if o != z and result[label, o]]
                mine = figures_[:, label, z]
                if any(
                    (figures_[:, label, o] <= mine).all()
                    and ((figures_[:, label, o] < mine).any() or o < z)
                    for o in others
                ):
                    result[label, z] = False
        return result

    def _inside(self, selection: Selection, domain: Domain) -> bool:
        return all(mask[k] for mask, k in zip(domain.nodes, selection.strategies, strict=True))


def soft_penalties(pins: Sequence[PinMasks]) -> dict[int, Floats]:
    """A valid lower bound on penalties, node by node: a pin's weight is shared by its nodes."""
    penalties: dict[int, Any] = {}
    for pin in pins:
        if pin.is_hard or not pin.nodes:
            continue
        share = (pin.pin.weight or 0.0) / len(pin.nodes)
        for number, breaks in pin.nodes.items():
            penalties[number] = penalties.get(number, 0.0) + share * breaks
    return penalties


def broken(problem: ShardingProblem, pin: PinMasks, selection: Selection) -> bool:
    """Whether a selection breaks a pin on operators or storage."""
    if any(breaks[selection.strategies[n]] for n, breaks in pin.nodes.items()):
        return True
    for number, breaks in pin.stores.items():
        store = problem.stores[number]
        label = store.labels[selection.strategies[store.node]]
        if breaks[label, selection.storage[number]]:
            return True
    return False


def row_values(problem: ShardingProblem, terms: StageTerms, selection: Selection) -> float:
    """The largest row of times for a selection."""
    from solver.stages.figures import group_totals

    totals = group_totals(problem, selection)
    rows = np.einsum("rcpq,cpq->r", terms.time, totals)
    for number, (store, z) in enumerate(zip(problem.stores, selection.storage, strict=True)):
        if not store.per_unit:
            label = store.labels[selection.strategies[store.node]]
            rows = rows + terms.held_time[:, number] @ store.costs.table[:, label, z]
    return float(rows.max())


def peak_bytes(
    problem: ShardingProblem, pattern: Pattern, held: list[int], selection: Selection
) -> Floats:
    """Bytes per stage with `held[s]` micro-batches in flight."""
    f = figures(problem, selection, pattern)
    return f.static + f.buffers + np.array(held) * (f.saved_b + f.saved_w)
