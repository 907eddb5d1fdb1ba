"""The reduction of a problem: every pass in turn, in rounds, while a round still takes enough away.

The passes stand in order of what they cost and what they open up. `propagate` leaves only finite
costs and supported labels, which the others count on for their effect; `constants` then takes out
fixed nodes, whose thousands of edges would otherwise be dragged through the rest;
`equal_layouts` removes most nodes of real graphs at a few operations per node, and `parallel` and
`labels` tidy the edges that this leaves. The rest sees a graph a tenth the size: `live_sets` and
`implied_points` drop points and so uses that need no comparison; `dominated`, the dearest, drops
strategies, which opens eliminations to `leaves` and `series`, and contractions to the next round.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from solver.engine.problem import Problem, Selection
from solver.engine.reduce.constants import constants
from solver.engine.reduce.dominated import dominated
from solver.engine.reduce.equal_layouts import equal_layouts
from solver.engine.reduce.implied_points import implied_points
from solver.engine.reduce.labels import labels
from solver.engine.reduce.leaves import leaves
from solver.engine.reduce.live_sets import live_sets
from solver.engine.reduce.parallel import parallel
from solver.engine.reduce.propagate import propagate
from solver.engine.reduce.series import series
from solver.engine.reduce.step import Pass, Restore, Step

PASSES: tuple[Pass, ...] = (
    propagate,
    constants,
    equal_layouts,
    parallel,
    labels,
    live_sets,
    implied_points,
    dominated,
    leaves,
    series,
)

WORTHWHILE = 1 / 20
"""A round is followed by another if it takes away more than this share of all entries.

Stopping early is as exact, only larger: on public graphs a round costs seconds, and the rounds that
this leaves out took away about a hundredth.
"""


def reduce(problem: Problem, passes: tuple[Pass, ...] = PASSES) -> Step:
    """The reduced problem and the way back through all passes.

    Raises `Infeasible` when a pass proves that no selection is feasible.
    """
    ways: list[Restore] = []
    with _without_collector():
        is_worthwhile = True
        while is_worthwhile:
            before = _entries(problem)
            for run in passes:
                step = run(problem)
                if step is not None:
                    problem = step.problem
                    ways.append(step.restore)
            is_worthwhile = before - _entries(problem) > WORTHWHILE * before
    return Step(problem, lambda selection: _back(ways, selection))


def _entries(problem: Problem) -> int:
    """The size of a problem: numbers in costs, tables, uses and capacities."""
    return (
        sum(node.size for node in problem.nodes)
        + sum(edge.table.size for edge in problem.edges)
        + sum(use.amounts.size for use in problem.node_uses)
        + sum(use.amounts.size for use in problem.edge_uses)
        + sum(len(resource.capacity) for resource in problem.resources)
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the collector of cycles.

    The passes make a hundred thousand small values and no cycles; looking for some took a third of
    the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _back(ways: list[Restore], selection: Selection) -> Selection:
    for restore in reversed(ways):
        selection = restore(selection)
    return selection
