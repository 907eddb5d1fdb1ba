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

from solver.cpsat import Limits
from solver.search.prune import pruned, threshold
from solver.search.terms import mean_weights
from solver.search.values import peak_bytes, penalty, row_values, soft_penalties
from solver.sharding.energy import Domain, Energy, Weights, energy
from solver.sharding.messages import Messages
from solver.sharding.model import ShardingModel
from solver.sharding.problem import Selection, ShardingProblem
from solver.sharding.terms import Cut, StageTerms
from solver.space.pins import PinMasks
from solver.stages.pattern import Pattern

SWEEPS = 4
PRICES = 14
TICKS = 4e6  # ticks in the best known step time


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection (None: none fits), its objective by the rows of `StageTerms` plus penalties, and
    a lower bound for every selection of this pattern."""

    selection: Selection | None
    value: float
    bound: float


@dataclass(frozen=True, slots=True)
class _Priced:
    """Messages at one price; `free` seconds of the energy pay for memory that fits."""

    free: float
    energy: Energy
    messages: Messages
    weights: Weights


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
        return rows + penalty(self.problem, self.pins, selection)

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
        priced: _Priced | None = None
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
                bound, priced = here, _Priced(free, made, messages, weights)
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
        assert priced is not None
        closed = bound >= best_value * (1 - 1e-9)
        if closed or (best is not None and not self.exact):
            return Choice(best, best_value, min(bound, best_value))
        return self._exact(terms, best, best_value, priced, limits)

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
        priced: _Priced,
        limits: Limits,
    ) -> Choice:
        """CP-SAT over what cannot be ruled out."""
        model, level, floor = self._model(terms, best_value, priced)
        if best is not None and self._inside(best, model.domain):
            model.hint(best)
        result = model.solve(limits)
        bound = min(level, max(result.bound, floor))
        if result.selection is not None:
            value = self.value(terms, result.selection)
            if value < best_value:
                best, best_value = result.selection, value
        if best is None:
            nothing = result.status == "infeasible" and level >= best_value
            return Choice(None, math.inf, best_value if nothing else min(bound, best_value))
        return Choice(best, best_value, min(bound, best_value))

    def _model(
        self, terms: StageTerms, cutoff: float, priced: _Priced
    ) -> tuple[ShardingModel, float, float]:
        """The model of all selections below the returned level, and a bound for all selections."""
        marginals = [x - priced.free for x in priced.messages.marginals()]
        level = threshold(priced.energy, marginals, cutoff)
        domain = pruned(
            self.problem, self.pins, self.domain, priced.energy, marginals, priced.weights, level
        )
        floor = priced.messages.bound - priced.free
        scale = cutoff if math.isfinite(cutoff) else max(floor, 1e-3) * 2
        model = ShardingModel(self.problem, terms, domain, self.pins, scale / TICKS)
        return model, level, floor

    def refine(
        self, terms: StageTerms, cuts: Sequence[Cut], cutoff: float, limits: Limits
    ) -> Choice:
        """The best selection that no cut from a schedule rules out; its value is that of the model,
        which knows the cuts, so only the bound and the selection are of use."""
        weights = mean_weights(terms, 0.0)
        made = energy(self.problem, weights, self.domain, self.penalties, cutoff)
        if any(len(kept) == 0 for kept in made.kept):
            return Choice(None, math.inf, cutoff)
        messages = Messages(made)
        messages.run(SWEEPS)
        model, level, floor = self._model(terms, cutoff, _Priced(0.0, made, messages, weights))
        for cut in cuts:
            model.add_cut(cut)
        result = model.solve(limits)
        if result.selection is None:
            proven = result.status == "infeasible"
            return Choice(None, math.inf, level if proven else min(floor, level))
        return Choice(result.selection, result.bound, min(level, max(result.bound, floor)))

    def _inside(self, selection: Selection, domain: Domain) -> bool:
        return all(mask[k] for mask, k in zip(domain.nodes, selection.strategies, strict=True))
