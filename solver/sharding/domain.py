"""What is still possible in a sharding problem: its legal choices, less what hard pins rule out and
what alone costs too much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.cost.collectives import Floats
from solver.sharding.lower.rates import store_factors
from solver.sharding.problem import ShardingProblem
from solver.sharding.terms import Weights
from solver.space.pins import PinMasks

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Domain:
    """What is still possible: strategies per node, and [label, option] pairs per store."""

    nodes: tuple[Bools, ...]
    stores: tuple[Bools, ...]


def hard_domain(problem: ShardingProblem, pins: Sequence[PinMasks]) -> Domain | None:
    """What the hard pins leave; None when a node or a store has nothing left, or when a pin asks
    for a recomputation that the training settings or another pin rule out."""
    ruled_out = {"auto": None, "none": True, "full": False}[problem.spec.train.recompute]
    asked: dict[int, bool] = {}
    for wish in (w for pin in pins if pin.is_hard for w in pin.units):
        if wish.again is not None:
            again = wish.again != wish.inverted
            if again is ruled_out or asked.setdefault(wish.unit, again) != again:
                return None
    nodes: list[Bools] = [np.ones(node.size, dtype=bool) for node in problem.nodes]
    stores: list[Bools] = [store.costs.legal.copy() for store in problem.stores]
    for pin in pins:
        if not pin.is_hard:
            continue
        for number, breaks in pin.nodes.items():
            nodes[number] = nodes[number] & ~breaks
        for number, breaks in pin.stores.items():
            stores[number] = stores[number] & ~breaks
    for store, legal in zip(problem.stores, stores, strict=True):
        # A use of a parameter that leaves it no storage is none.
        some = np.asarray(legal.any(axis=1))
        nodes[store.node] = nodes[store.node] & some[store.labels]
    if not all(mask.any() for mask in nodes) or not all(mask.any() for mask in stores):
        return None
    return Domain(tuple(nodes), tuple(stores))


def own_costs(
    problem: ShardingProblem,
    weights: Weights,
    domain: Domain,
    penalties: Mapping[int, Floats],
) -> list[Floats]:
    """Per node, [strategy] what it costs by itself, with the cheapest storage of the parameters
    whose use it decides; infinity outside the domain. `penalties[n]` is added to node n.

    Pairs never cost less than nothing, so the sum of the least costs bounds every selection.
    """
    own = [
        np.where(mask, weights.units[node.unit_class, 0] @ node.unary, math.inf)
        for node, mask in zip(problem.nodes, domain.nodes, strict=True)
    ]
    width = problem.kinds.width
    factors = store_factors(problem, weights.units[None], weights.held[None])[0, :, :width]
    for number, store in enumerate(problem.stores):
        costs = np.tensordot(factors[number], store.costs.table, axes=1)
        least = np.where(domain.stores[number], costs, math.inf).min(axis=1)
        own[store.node] = own[store.node] + least[store.labels]
    for number, extra in penalties.items():
        own[number] = own[number] + extra
    return own


def alone(own: Sequence[Floats]) -> float:
    """The sum of the least costs (infinite when a node has nothing left)."""
    return math.fsum(float(costs.min(initial=math.inf)) for costs in own)


def not_too_dear(own: Sequence[Floats], cutoff: float) -> list[Bools]:
    """Per node, which strategies do not bring the sum of the least costs above `cutoff`: no
    selection below it has another one."""
    room = max(cutoff - alone(own), 0.0)
    return [np.asarray(costs <= costs.min() + room) & np.isfinite(costs) for costs in own]
