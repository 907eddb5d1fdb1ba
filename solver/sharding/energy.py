"""A weighted sharding problem: one number per strategy and per pair of labels.

Weights turn the quantities of `ShardingProblem` into one objective (seconds of a step plus prices
of bytes). The minimum over all selections is then a pairwise discrete minimisation, for which
`solver.sharding.messages` gives lower bounds and good selections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.problem import Labels, ShardingProblem
from solver.stages.pattern import PARTS

Bools = npt.NDArray[np.bool_]
ILLEGAL = 1e7  # added for pairs that cannot be; far above any step time in seconds


@dataclass(frozen=True, slots=True)
class Weights:
    """`units[class, part, quantity]`; `held[store]` replaces it for STATIC and STEP of parameters
    that are held once per stage."""

    units: Floats
    held: dict[int, Floats]


@dataclass(frozen=True, slots=True)
class Domain:
    """What is still possible: strategies per node, and [label, option] pairs per store."""

    nodes: tuple[Bools, ...]
    stores: tuple[Bools, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """An edge of the energy; labels are those of the strategies still in the domain."""

    u: int
    v: int
    labels_u: Labels
    labels_v: Labels
    theta: Floats


@dataclass(frozen=True, slots=True)
class Energy:
    """Unary and pairwise costs over the strategies of the domain.

    `kept[n]` numbers the strategies of node n in the problem; `storage[s]` is, per label of store
    s, the cheapest option and `storage_cost[s]` its cost (already in the unary costs).
    """

    unary: tuple[Floats, ...]
    pairs: tuple[Pair, ...]
    kept: tuple[npt.NDArray[np.intp], ...]
    storage: tuple[npt.NDArray[np.intp], ...]
    storage_cost: tuple[Floats, ...]

    def value(self, chosen: Sequence[int]) -> float:
        """The energy of positions in `kept`."""
        total = sum(float(theta[k]) for theta, k in zip(self.unary, chosen, strict=True))
        for pair in self.pairs:
            total += float(pair.theta[pair.labels_u[chosen[pair.u]], pair.labels_v[chosen[pair.v]]])
        return total


def full_domain(problem: ShardingProblem) -> Domain:
    """Everything that is legal, before any pin."""
    return Domain(
        tuple(np.ones(node.size, dtype=bool) for node in problem.nodes),
        tuple(store.costs.legal.copy() for store in problem.stores),
    )


def store_costs(problem: ShardingProblem, number: int, weights: Weights) -> Floats:
    """[label, option] of a store under the weights."""
    store = problem.stores[number]
    factors = weights.units[problem.nodes[store.node].unit_class, 0].copy()
    if not store.per_unit:
        once = [Quantity.STATIC, Quantity.STEP]
        factors[once] = weights.held[number][once]
    return np.asarray(np.tensordot(factors, store.costs.table, axes=1))


def energy(
    problem: ShardingProblem,
    weights: Weights,
    domain: Domain,
    penalties: dict[int, Floats],
    cutoff: float = np.inf,
) -> Energy:
    """The energy of a problem; `penalties[n]` is added to the strategies of node n.

    A strategy that alone brings the sum of unary minima above `cutoff` is left out: pairwise costs
    are never negative, so no selection below the cutoff uses it.
    """
    unary = [
        np.tensordot(weights.units[node.unit_class, 0], node.unary, axes=1)
        for node in problem.nodes
    ]
    for number, extra in penalties.items():
        unary[number] = unary[number] + extra
    possible = [mask.copy() for mask in domain.nodes]
    storage, storage_cost = [], []
    for number, store in enumerate(problem.stores):
        costs = np.where(domain.stores[number], store_costs(problem, number, weights), np.inf)
        best = np.argmin(costs, axis=1)
        cost = costs[np.arange(len(best)), best]
        possible[store.node] &= np.isfinite(cost)[store.labels]
        cost = np.where(np.isfinite(cost), cost, 0.0)
        storage.append(best)
        storage_cost.append(cost)
        unary[store.node] = unary[store.node] + cost[store.labels]
    _drop_dear(unary, possible, cutoff)
    kept = tuple(np.flatnonzero(mask) for mask in possible)
    unary = [theta[keep] for theta, keep in zip(unary, kept, strict=True)]
    pairs = []
    for edge in problem.edges:
        factors = weights.units[edge.group.unit_class, PARTS[edge.group.part]][list(edge.layers)]
        finite: Bools = np.asarray(np.isfinite(edge.table).all(axis=0))
        theta = np.tensordot(factors, np.where(finite[None], edge.table, 0.0), axes=1)
        theta = np.where(finite, theta, ILLEGAL)
        labels_u, labels_v = edge.labels_u[kept[edge.u]], edge.labels_v[kept[edge.v]]
        if edge.u == edge.v:
            unary[edge.u] = unary[edge.u] + theta[labels_u, labels_v]
        else:
            pairs.append(_shrink(Pair(edge.u, edge.v, labels_u, labels_v, theta)))
    return Energy(tuple(unary), tuple(pairs), kept, tuple(storage), tuple(storage_cost))


def _drop_dear(unary: Sequence[Floats], possible: Sequence[Bools], cutoff: float) -> None:
    if not np.isfinite(cutoff) or not all(mask.any() for mask in possible):
        return
    least = [float(t[mask].min()) for t, mask in zip(unary, possible, strict=True)]
    room = cutoff - sum(least)
    for theta, mask, floor in zip(unary, possible, least, strict=True):
        mask &= theta <= floor + max(room, 0.0)


def _shrink(pair: Pair) -> Pair:
    """Drop rows and columns that no strategy of the domain uses."""
    rows, labels_u = np.unique(pair.labels_u, return_inverse=True)
    columns, labels_v = np.unique(pair.labels_v, return_inverse=True)
    theta = pair.theta[np.ix_(rows, columns)]
    return Pair(pair.u, pair.v, labels_u.reshape(-1), labels_v.reshape(-1), theta)
