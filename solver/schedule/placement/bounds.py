"""Lower bounds on the value of all maps that complete a partial one, without a solver.

The largest of
- the combinatorial bound of the relaxation (`maps.relaxed`): what is placed on its devices, every
  open chunk alone; its critical path, its in-flight limits, and what its device must do;
- the shared work: open work poured over the devices, beside what they have, up to the least level
  that takes it all;
- for the empty map, ramps: k devices in use begin with k different units and end with k different
  ones. With h and t the heads and tails of units ascending, W the work of all and T the objective,
  k T >= W + h_1 + ... + h_k + max(t_1 + ... + t_k, the k least tails of devices), for some k;
- for the empty map, whole units: with w the least work of a unit, the device that begins i-th takes
  at most (T - h_i - t_1) / w units, rounded down, and all devices together take all units;
- for the empty map, shared memory: bytes times the seconds that they are held at least, of all
  chunks, fit into all that the static bytes leave, times T.
A span has no ramps but tails. To each the least price of place pins is added.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from solver.schedule.bounds import bound_operators, round_trips
from solver.schedule.heads import margins
from solver.schedule.memory import limit
from solver.schedule.operators import Operators, lower
from solver.schedule.placement.maps import Layout, Partial, least_price, overflow, relaxed

_NOISE = 1e-9
"""Units that sums of floats may lack of a whole one."""


def bound_of_all(plan: Layout) -> float:
    """A bound on the value of every map; infinite where no chunk can fit."""
    if any(
        all(overflow(plan, {u: d}) > 0.0 for d in choices) for u, choices in enumerate(plan.choices)
    ):
        return math.inf
    operators = _operators(plan, {})
    schedule = max(_ramps(plan, operators), _memory(plan, operators))
    return max(partial_bound(plan, {}), schedule + least_price(plan, {}))


def partial_bound(plan: Layout, partial: Partial, enough: float = math.inf) -> float:
    """A bound on the value of every map that completes `partial`, infinite where none has a
    schedule. What costs more to compute is left out where the rest reaches `enough`."""
    if overflow(plan, partial) > 0.0:
        return math.inf
    price = least_price(plan, partial)
    shared = price + shared_work(plan, partial)
    if shared >= enough:
        return shared
    return max(shared, price + bound_operators(_operators(plan, partial)))


def _operators(plan: Layout, partial: Partial) -> Operators:
    problem = relaxed(plan, partial)
    return lower(problem, fused=not problem.split_backward)


def shared_work(plan: Layout, partial: Partial) -> float:
    """The level to which the devices fill when open units are poured over them."""
    levels = list(plan.problem.tails)
    for u, device in partial.items():
        levels[device] += plan.work[u]
    left = sum(work for u, work in enumerate(plan.work) if u not in partial)
    top = max(levels)
    levels.sort()
    for number, level in enumerate(levels):
        after = levels[number + 1] if number + 1 < len(levels) else math.inf
        room = (number + 1) * (after - level)
        if room >= left:
            return max(top, level + left / (number + 1))
        left -= room
    return top


def _ramps(plan: Layout, operators: Operators) -> float:
    """The bounds by ramps and by whole units."""
    problem = plan.problem
    compute = {
        u: [c for c in unit if problem.chunks[c].stream == 0] for u, unit in enumerate(plan.units)
    }
    compute = {u: unit for u, unit in compute.items() if unit}
    if not compute:
        return 0.0
    heads, ends = [0.0] * len(compute), [min(problem.tails)] * len(compute)
    if not operators.span:
        around = margins(operators)
        heads = sorted(min(around.heads[c][0] for c in unit) for unit in compute.values())
        ends = sorted(
            min(around.tails[k][-1] for k in _kinds(operators, unit)) for unit in compute.values()
        )
    tails = accumulate(sorted(problem.tails))
    ramps = zip(accumulate(heads), accumulate(ends), tails, strict=False)
    work = sum(plan.work)
    poured = min((work + h + max(t, tail)) / k for k, (h, t, tail) in enumerate(ramps, start=1))
    works = [plan.work[u] for u in compute]
    return max(poured, ends[0] + _whole_units(works, heads[: problem.devices]))


def _whole_units(works: Sequence[float], heads: Sequence[float]) -> float:
    """The least time in which devices that begin at `heads` take as many units of the least work as
    there are."""
    each = min(works)
    if each <= 0.0:
        return 0.0
    times = sorted({head + i * each for head in heads for i in range(1, len(works) + 1)})

    def taken(time: float) -> int:
        return sum(max(0, math.floor((time - head) / each + _NOISE)) for head in heads)

    return times[bisect_left(times, len(works), key=taken)]


def _kinds(operators: Operators, unit: list[int]) -> list[int]:
    return [k for k, kind in enumerate(operators.kinds) if kind.chunk in unit]


def _memory(plan: Layout, operators: Operators) -> float:
    """Bytes times seconds of all chunks over the bytes of all devices."""
    room = sum(limit(max(0.0, c)) for c in plan.problem.capacity_bytes) - sum(plan.static)
    trips = round_trips(operators)
    area = 0.0
    for kind in operators.kinds:
        area += kind.workspace * kind.duration
        if kind.phase == "F":
            area += kind.allocates * trips[kind.chunk]
        elif kind.phase == "W":
            area += kind.releases * kind.duration
    if area == 0.0 or math.isinf(room):
        return 0.0
    return math.inf if room <= 0.0 else plan.problem.microbatches * area / room
