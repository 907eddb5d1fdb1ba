"""Drop strategies that no feasible selection has.

Statement: a strategy goes when its cost is infinite, a hard pin marks it, it has no allowed partner
left on some edge (`supports`), or it does not fit a hard capacity with all others at their least
(`capacities`); this is repeated until nothing changes. Hard pins go, since nothing is left that
breaks them. A soft pin loses the nodes that cannot break it any more; it becomes a constant when a
node breaks it with every strategy left, and goes when no node can.

Proof: every strategy dropped is in no selection that is feasible (by induction: the reasons above
speak of the strategies left only, and those that went are in no feasible selection). So the
feasible selections, and their values, stay the same. A node with nothing left proves that there
are none.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from solver.engine.problem import Bools, Labels, Pin, Problem
from solver.engine.reduce.capacities import loads
from solver.engine.reduce.flat import offsets
from solver.engine.reduce.restrict import restrict
from solver.engine.reduce.step import Infeasible, Step
from solver.engine.reduce.supports import prune, supports


def propagate(problem: Problem) -> Step | None:
    """Drop what is forbidden; raises `Infeasible` when a node has no strategy left."""
    if math.isinf(problem.constant):
        raise Infeasible("the constant cost is infinite")
    sizes = np.array([node.size for node in problem.nodes], dtype=np.intp)
    node_start = offsets(sizes)
    alive = _permitted(problem, node_start)
    _fixpoint(problem, alive, node_start)
    kept = _kept(alive, node_start)
    step = restrict(problem, kept) if kept else Step(problem, lambda selection: selection)
    settled = _settled(step.problem)
    if not kept and settled is step.problem:
        return None
    return Step(settled, step.restore)


def _permitted(problem: Problem, node_start: Labels) -> Bools:
    """[strategy]: neither of infinite cost nor against a hard pin."""
    alive: Bools = np.isfinite(
        np.concatenate([np.empty(0), *(node.costs for node in problem.nodes)])
    )
    for pin in problem.pins:
        if pin.is_hard:
            for node, mask in pin.breaks.items():
                alive[node_start[node] : node_start[node + 1]] &= ~mask
    return alive


def _fixpoint(problem: Problem, alive: Bools, node_start: Labels) -> None:
    """Take strategies from `alive` until all that are left have support and fit."""
    _check(problem, alive, node_start)
    partners = supports(problem.edges, node_start)
    limits = loads(problem, node_start)
    tables = np.arange(len(partners.pair_start) - 1)
    while True:
        prune(partners, alive, tables)
        _check(problem, alive, node_start)
        gone = [load.unfit(alive) for load in limits]
        unfit = np.concatenate([np.empty(0, dtype=np.intp), *gone])
        if not len(unfit):
            return
        alive[unfit] = False
        _check(problem, alive, node_start)
        tables = partners.tables(unfit)


def _check(problem: Problem, alive: Bools, node_start: Labels) -> None:
    """Raise `Infeasible` when a node has no living strategy."""
    living = offsets(alive.astype(np.intp))
    empty = np.flatnonzero(living[node_start[1:]] == living[node_start[:-1]])
    if len(empty):
        raise Infeasible(f"no strategy of {problem.nodes[empty[0]].name} is possible")


def _kept(alive: Bools, node_start: Labels) -> dict[int, Labels]:
    """The living strategies of every node that lost some."""
    dead = np.flatnonzero(~alive)
    nodes = np.unique(np.searchsorted(node_start, dead, side="right") - 1)
    return {
        int(node): np.flatnonzero(alive[node_start[node] : node_start[node + 1]]) for node in nodes
    }


def _settled(problem: Problem) -> Problem:
    """The problem without pins, or nodes of pins, that are decided; the same one if none is."""
    pins, paid = [], problem.constant
    for pin in problem.pins:
        breaks = {node: mask for node, mask in pin.breaks.items() if mask.any()}
        if any(bool(mask.all()) for mask in breaks.values()):
            paid += pin.weight
        elif breaks:
            pins.append(pin if len(breaks) == len(pin.breaks) else replace(pin, breaks=breaks))
    if len(pins) == len(problem.pins) and all(map(_is, pins, problem.pins)):
        return problem
    return replace(problem, pins=tuple(pins), constant=paid)


def _is(one: Pin, other: Pin) -> bool:
    return one is other
