"""From a selection and a stage map to plans: order the operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solver.cost.collectives import Floats
from solver.plan.document import Plan
from solver.schedule import OrderPin
from solver.search.goal import Found, found
from solver.search.order import Ordered, order
from solver.search.order_pins import broken_orders
from solver.search.values import broken
from solver.stages.figures import StageFigures, figures, fused_chunks
from solver.stages.model import keeps

if TYPE_CHECKING:
    from solver.schedule import Action
    from solver.search.effort import Effort
    from solver.search.split import SplitSearch
    from solver.sharding.problem import Selection
    from solver.stages.pattern import Pattern


def schedule(
    search: SplitSearch,
    selection: Selection,
    pattern: Pattern,
    effort: Effort,
    share: float,
    keep: Callable[[Found], None],
    ceilings: Sequence[float] = (),
) -> Ordered:
    """Order the operators of a selection; every plan goes to `keep`.

    The order is found for each of some `ceilings` of memory (none: what the goal says), since
    a longer step may use less of what is paid for. That of the first one is returned.
    """
    ready = search.ready
    assert ready is not None
    f = figures(ready.problem, selection, pattern)
    least = float((f.static + f.buffers + f.least_saved).max())
    tried = ceilings or search.goal.ceilings(least)
    pins = search.order_pins(f)
    rooms = [np.minimum(ceiling, search.rooms) for ceiling in tried]
    orders = [_order(search, f, pins, effort, share / len(tried), x) for x in rooms]
    hard = tuple(pin for pin in pins if pin.weight is None)
    if hard != pins and _weighs_steps(search):  # the scheduler pays for pins in seconds only
        orders += [_order(search, f, hard, effort, share / len(tried), x) for x in rooms]
    for ordered in orders:
        if ordered.actions and ordered.makespan <= search.step_limit * (1 + 1e-12):
            keep(found(_plan(search, selection, pattern, ordered.actions, ordered.makespan)))
    return orders[0]


def cut_bound(search: SplitSearch, f: StageFigures, ordered: Ordered) -> float:
    """What a schedule proves of longer ones. A cut stands for the step time in the objective,
    where it may hold what broken pins cost as well; but not where the step itself is limited
    or has a price."""
    paid = sum(pin.weight or 0.0 for pin in search.order_pins(f))
    return ordered.bound - paid if _weighs_steps(search) else ordered.bound


def _weighs_steps(search: SplitSearch) -> bool:
    return math.isfinite(search.step_limit) or bool(search.goal.soft_seconds)


def _order(
    search: SplitSearch,
    f: StageFigures,
    pins: tuple[OrderPin, ...],
    effort: Effort,
    share: float,
    ceiling: float | Floats,
) -> Ordered:
    return order(
        f,
        search.split.microbatches,
        ceiling,
        search.spec.train.pipeline.family,
        pins,
        effort.limits(share).seconds,
        effort.workers,
        effort.seed,
        effort.deterministic,
        effort.stop,
    )


def _plan(
    search: SplitSearch,
    selection: Selection,
    pattern: Pattern,
    actions: tuple[Action, ...],
    step_time: float,
) -> Plan:
    assert search.ready is not None
    problem, pins = search.ready.problem, search.ready.pins
    fused, count = fused_chunks(problem, selection, pattern), search.split.microbatches
    orders = broken_orders(search.spec, actions, pattern, count, fused)
    missed = tuple(
        broken(problem, pin, selection)
        or not all(keeps(w, pattern) for w in pin.units)
        or number in orders
        for number, pin in enumerate(pins)
    )
    return Plan(problem, selection, pattern, actions, step_time, missed, pins)
