"""A lower bound on the step time of every plan of a split, stage by stage.

Takes chains with one chunk per stage. A step of at most T seconds means for every stage s, which
holds the units from i to j:

- before its first operator it waits for the forwards of all units before i, then it has its own
  work: `forward(before) + m work(i..j) + per_step(i..j) <= T`;
- a micro-batch stays on it from its first forward to its last backward, in which the forwards and
  input gradients of all units from i on run. By Little's law (1961) at least
  `ceil(m residence / T)` micro-batches are in flight at some time, so
  `static(i..j) + flight saved(i..j) <= capacity`. A fixed 1F1B says itself how many there are.

With a price on bytes both become one sum over the units of the stage, less what the price pays back
for the capacity; what one unit adds to it at least is asked of an oracle (`oracle`). So for a given
T it is known how far a stage reaches that starts at unit i, for every number of recomputed layers
the largest over all prices (`kernels.least_time`); and the units can be dealt to the stages or not
(`kernels.reach`). The bound is the largest T at which they cannot.

Unlike means over stages this sees that layers are indivisible, and how much every stage has in
flight. It is first made from choices alone, then from messages for the prices that decide.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT, Quantity
from solver.search.stagewise.kernels import (
    AGAIN,
    EITHER,
    PLAIN,
    Ints,
    in_flight,
    interpolated,
    reach,
)
from solver.search.stagewise.oracle import Alone, Joined, Kind, kinds_of, rows
from solver.sharding.domain import Domain
from solver.sharding.problem import ShardingProblem
from solver.space.pins import PinMasks
from solver.stages.figures import FUSED_FAMILIES
from solver.stages.placement import placement

SHARES = (0.0, 0.04, 0.08, 0.15, 0.25, 0.4, 0.65, 1.0, 1.8, 4.0, 20.0)
"""Prices on bytes: the whole capacity costs this share of the time of a stage."""
FIRST = (0, 5, 10)  # numbers of the prices that are looked at first
GRAIN = 5e-4  # relative: how closely the bound is found
ROUNDS = 16  # of asking messages for the prices that decide
STRIDE = 3  # prices between those asked first
DOUBLINGS = 40
SAFE = 1 - 1e-9  # rounding of sums


Asked = tuple[int, int, int, int]
"""Numbers of a kind, a mode, a price, and of the micro-batches held."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """Units dealt to stages: the first unit after each stage, and how many of its units are
    recomputed."""

    ends: tuple[int, ...]
    counts: tuple[int, ...]


def applies(problem: ShardingProblem) -> bool:
    """Whether stages are consecutive units of a chain, with one chunk each, on devices of one
    kind."""
    chunks = len(placement(problem.spec.train.pipeline, problem.split.stages))
    one_each = chunks == problem.split.stages and problem.kinds.count == 1
    return one_each and (problem.wiring.is_chain or problem.split.stages == 1)


@dataclass
class Stagewise:
    """The bound of one split; `refine` raises it. Seconds and bytes."""

    problem: ShardingProblem
    domain: Domain
    pins: Sequence[PinMasks]
    capacity: float
    recompute: str  # none, full or auto
    low: float = 0.0
    asked: set[Asked] = field(default_factory=set)

    def __post_init__(self) -> None:
        split = self.problem.split
        self.stages, self.m = split.stages, split.microbatches
        self.kinds, behind, entering = kinds_of(self.problem)
        self.kind: Ints = np.array(behind, dtype=np.int64)
        self.entering: Ints = np.array(entering, dtype=np.int64)
        self.mode = self._modes()
        family = self.problem.spec.train.pipeline.family
        self.by_order = family in ("one_f_one_b", "zb_h1")
        self.alone = Alone(self.problem, self.domain)
        self.shrink = split.shrink
        most, least = math.ceil(math.log2(self.stages)), math.floor(math.log2(self.shrink))
        self.held = np.array([2.0**g for g in range(least, most + 1)])
        if family == "gpipe":
            self.held = np.array([self.shrink])
        self.fused = family in FUSED_FAMILIES
        rough = [self._rough(kind) for kind in self.kinds]
        # [phase, kind] seconds of a micro-batch: forwards, and what it stays for.
        self.phases = np.array([each[:2] for each in rough]).T
        scale = float(np.array([each[2] for each in rough])[self.kind].sum()) / self.stages
        finite = math.isfinite(self.capacity) and self.capacity > 0 and scale > 0
        shares = np.array(SHARES if finite else SHARES[:1])
        self.prices = shares * scale / self.capacity if finite else shares
        # [mode, price, held, kind]
        self.values = np.zeros((2, len(self.prices), len(self.held), len(self.kinds)))
        for n, kind in enumerate(self.kinds):
            self.values[:, :, :, n] = self._grid(kind, self._modes_of(n))

    # ---- what units cost -------------------------------------------------------------------

    def _modes(self) -> Ints:
        """Whether each unit is recomputed: not, surely, or either."""
        layers = {u: k.is_layer for k in self.problem.classes for u in k.units}
        found = []
        for unit in self.problem.spec.graph.units:
            free = self.recompute == "auto" and layers[unit.name]
            found.append(EITHER if free else (AGAIN if self.recompute == "full" else PLAIN))
        for pin in self.pins:
            for wish in pin.units if pin.is_hard else ():
                if wish.again is not None:
                    found[wish.unit] = AGAIN if wish.again != wish.inverted else PLAIN
        return np.array(found, dtype=np.int64)

    def _modes_of(self, kind: int) -> set[int]:
        mine = (self.kind == kind) | (self.entering == kind)
        modes = {int(x) for x in self.mode[mine]}
        return {PLAIN, AGAIN} if EITHER in modes else modes

    def _phases(self) -> Floats:
        found = np.zeros((2, COUNT))
        found[:, Quantity.FORWARD] = 1.0
        found[1, Quantity.INPUT_GRAD] = 1.0
        if self.fused:
            found[1, Quantity.WEIGHT_GRAD] = 1.0
        return found

    def _row(self, mode: int, price: int, held: int) -> Floats:
        static = float(self.prices[price])
        return rows(self.m, mode == AGAIN, [static], [static * float(self.held[held])])

    def _rough(self, kind: Kind) -> Floats:
        """Seconds of a unit's phases, and of its work without a price."""
        work = rows(self.m, False, [0.0], [0.0])
        return self.alone.least(kind, np.concatenate([self._phases(), work]))

    def _grid(self, kind: Kind, modes: set[int]) -> Floats:
        """[mode, price, held] from few prices: what is least is concave in the price, so between
        two of them it is above the line. A mode that is never read is as the other one."""
        few = [p for p in FIRST if p < len(self.prices)]
        static = np.repeat(self.prices[few], len(self.held)).tolist()
        held = np.outer(self.prices[few], self.held).ravel().tolist()
        asked = [rows(self.m, mode == AGAIN, static, held) for mode in sorted(modes)]
        found = self.alone.least(kind, np.concatenate(asked))
        coarse = found.reshape(len(modes), len(few), len(self.held))
        grid = np.empty((len(modes), len(self.prices), len(self.held)))
        for mode in range(len(modes)):
            for g in range(len(self.held)):
                grid[mode, :, g] = np.interp(self.prices, self.prices[few], coarse[mode, :, g])
        return np.broadcast_to(grid, (2, *grid.shape[1:]))

    # ---- the bound -------------------------------------------------------------------------

    def _dealt(self, limit: float) -> tuple[Dealt | None, Ints]:
        """The units dealt to stages within `limit` seconds; or what decided that they cannot be:
        [what, unit] the price, the unit without room, and how many units are recomputed."""
        units = len(self.kind)
        forward, stay = np.minimum(self.phases[:, self.kind], self.phases[:, self.entering])
        lead = self.shrink * np.concatenate([[0.0], np.cumsum(forward)])
        residence = np.concatenate([np.cumsum(stay[::-1])[::-1], [0.0]])
        ends, counts = np.zeros(self.stages, np.int64), np.zeros(self.stages, np.int64)
        why = np.full((3, units), -1)
        done = reach(
            self.values,
            self.prices * self.capacity if math.isfinite(self.capacity) else self.prices,
            self.held,
            self.kind,
            self.entering,
            self.mode,
            lead,
            residence,
            self.stages,
            self.m,
            self.shrink,
            self.by_order,
            limit,
            ends,
            counts,
            *why,
        )
        dealt = Dealt(tuple(ends.tolist()), tuple(counts.tolist())) if done else None
        return dealt, why

    def bound(self, cutoff: float) -> float:
        """The least step time, or `cutoff` where it is no less; never falls."""
        if math.isfinite(cutoff) and self._dealt(cutoff)[0] is None:
            self.low = max(self.low, cutoff)
            return self.low
        low = max(self.low, 1e-12)
        high = cutoff
        if math.isinf(cutoff):
            high = max(low, float(self.values[0, 0, 0, self.kind].sum()) / self.stages)
            for _ in range(DOUBLINGS):
                if self._dealt(high)[0] is not None:
                    break
                low, high = high, 2 * high
        if self._dealt(low)[0] is not None:
            return self.low
        while high > low * (1 + GRAIN):
            middle = math.sqrt(low * high)
            if self._dealt(middle)[0] is None:
                low = middle
            else:
                high = middle
        self.low = max(self.low, low * SAFE)
        return self.low

    def refine(
        self,
        joined: Joined,
        cutoff: float,
        is_over: Callable[[], bool],
        enough: float = math.inf,
    ) -> float:
        """The bound, with messages asked for whatever decides it, until nothing is left to ask or
        it is `enough` or reaches `cutoff`."""
        if not self.asked:
            for n, kind in enumerate(self.kinds):
                for phase, factors in enumerate(self._phases()):
                    least = joined.least(kind, factors)
                    self.phases[phase, n] = max(self.phases[phase, n], least)
            self.asked.add((-1, -1, -1, -1))
        for _ in range(ROUNDS):
            if self.bound(cutoff) >= min(cutoff, enough) or is_over():
                break
            wanted = self._deciding(self.low)
            if not wanted:
                break
            for n, mode, price, held in sorted(wanted):
                least = joined.least(self.kinds[n], self._row(mode, price, held)[0])
                place = slice(held, held + 1) if price else slice(None)  # free bytes are alike
                known = self.values[mode, price, place, n]
                self.values[mode, price, place, n] = np.maximum(known, least)
            self.asked |= wanted
        return self.low

    def _deciding(self, limit: float) -> set[Asked]:
        """What was not asked yet and decides how far the stages reach within `limit`."""
        dealt, (prices, stops, again) = self._dealt(limit)
        if dealt is not None:
            return set()
        found: set[Asked] = set()
        late: set[Asked] = set()  # of one unit in each stage: asked when the price is known
        stay = np.minimum(self.phases[1, self.kind], self.phases[1, self.entering])
        start = 0
        for s in range(self.stages):
            stop = int(stops[start])
            if stop < 0:  # it may have as many as leave one for every other stage
                start = len(stops) - (self.stages - 1 - s)
                continue
            left, residence = self.stages - s, float(stay[start:].sum())
            flight = in_flight(self.m, self.shrink, self.by_order, left, residence, limit)
            units = slice(start + 1, stop + 1)
            here = set(self.kind[units].tolist())
            entering = {int(self.entering[start])}
            free = int((self.mode[start : stop + 1] == EITHER).sum())
            count = int(again[start])
            modes = {PLAIN} if count == 0 else ({AGAIN} if count == free else {PLAIN, AGAIN})
            price = int(prices[start])
            found |= self._unknown(price, flight, here, modes, (STRIDE, 1))
            late |= self._unknown(price, flight, entering - here, modes, (0,))
            if stop <= start:
                break
            start = stop
        return found or late

    def _unknown(
        self,
        price: int,
        flight: float,
        kinds: set[int],
        modes: set[int],
        steps: tuple[int, ...],
    ) -> set[Asked]:
        """What is least is concave in the price: its top is looked for in long steps, then in short
        ones around the best price known."""
        g = int(np.searchsorted(self.held, flight, side="right")) - 1
        near = {g, min(g + 1, len(self.held) - 1)} if flight > self.held[g] else {g}
        for step in steps:
            prices = {price - step, price, price + step} & set(range(len(self.prices)))
            found = {
                (n, mode, p, held)
                for n in kinds
                for mode in (modes & self._modes_of(n)) or self._modes_of(n)
                for p in prices
                for held in (near if p else {0})
            }
            if found - self.asked:
                return found - self.asked
        return set()

    def own(self, flight: float) -> Floats:
        """[mode, price, kind] seconds of one unit, with so many micro-batches in flight."""
        found = np.empty((2, len(self.prices), len(self.kinds)))
        interpolated(self.values, self.held, flight, found)
        return found

    def in_order(self) -> Stagewise:
        """The same, with as many micro-batches in flight as 1F1B has."""
        found = copy.copy(self)
        found.by_order = True
        return found

    def plan(self, limit: float) -> Dealt | None:
        """A stage map that the bound allows within `limit` seconds."""
        return self._dealt(limit)[0]
