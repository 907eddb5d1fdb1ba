"""Dropping strategies by their lower bounds, without losing any plan that matters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.energy import Bools, Domain, Energy, Weights, store_costs
from solver.sharding.problem import ShardingProblem
from solver.space.pins import PinMasks

CELLS = 12_000  # pairs of labels that CP-SAT gets at most


def threshold(made: Energy, marginals: Sequence[Floats], best_value: float) -> float:
    """The least bound among what must be dropped to leave CP-SAT a model of fair size."""
    levels = np.unique(np.concatenate([x[x <= best_value] for x in marginals]))
    low, high = 0, len(levels)  # keep strategies below levels[high] (all if past the end)
    if cells(made, marginals, best_value) <= CELLS:
        return best_value
    while low < high:
        middle = (low + high + 1) // 2
        level = float(levels[middle]) if middle < len(levels) else best_value
        if cells(made, marginals, level) <= CELLS:
            low = middle
        else:
            high = middle - 1
    least = max(float(x.min()) for x in marginals)
    level = float(levels[low]) if low < len(levels) else best_value
    return max(level, float(np.nextafter(least, math.inf)))


def cells(made: Energy, marginals: Sequence[Floats], level: float) -> int:
    """Pairs of labels (and strategies) that a model of all strategies below `level` would have."""
    total = 0
    for pair in made.pairs:
        if not pair.theta.any():
            continue
        u = len(np.unique(pair.labels_u[marginals[pair.u] < level]))
        v = len(np.unique(pair.labels_v[marginals[pair.v] < level]))
        total += u * v
    return total + sum(int((x < level).sum()) for x in marginals)


def pruned(
    problem: ShardingProblem,
    pins: Sequence[PinMasks],
    domain: Domain,
    made: Energy,
    marginals: Sequence[Floats],
    weights: Weights,
    level: float,
) -> Domain:
    """The strategies and storage options whose bound is below `level`."""
    nodes = []
    for node, kept, marginal in zip(problem.nodes, made.kept, marginals, strict=True):
        mask = np.zeros(node.size, dtype=bool)
        mask[kept[marginal < level]] = True
        nodes.append(mask)
    stores = []
    for number, store in enumerate(problem.stores):
        costs = store_costs(problem, number, weights)
        extra = costs - made.storage_cost[number][:, None]
        least = np.full(len(costs), np.inf)
        kept, marginal = made.kept[store.node], marginals[store.node]
        np.minimum.at(least, store.labels[kept], marginal)
        allowed = domain.stores[number] & (least[:, None] + extra < level)
        stores.append(thinned(problem, pins, number, allowed))
    return Domain(tuple(nodes), tuple(stores))


def thinned(
    problem: ShardingProblem, pins: Sequence[PinMasks], number: int, allowed: Bools
) -> Bools:
    """Drop options that cost at least as much time and bytes as another one of their label."""
    store = problem.stores[number]
    if any(number in pin.stores for pin in pins):
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
