"""One weighted sum of everything that is chosen, as the engine's problem: without resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from solver.cost.collectives import Floats
from solver.engine.problem import Problem
from solver.sharding.lower.blocks import Rates
from solver.sharding.lower.builder import Builder
from solver.sharding.lower.rates import store_factors
from solver.sharding.lower.tables import Tables
from solver.sharding.terms import Weights


def weighted(tables: Tables, weights: Weights, penalties: Mapping[int, Floats]) -> Problem:
    """The problem of the least weighted sum; `penalties[n]` ([strategy of the sharding problem]) is
    added to node n, in the place of soft pins."""
    units = weights.units[None]
    stores = store_factors(tables.problem, units, weights.held[None])
    builder = Builder(tables)
    builder.add_choices(Rates(units, units[:, :, 0], stores))
    for number, extra in penalties.items():
        node = builder.nodes[number]
        kept = tables.nodes[number].kept
        builder.nodes[number] = replace(node, costs=node.costs + extra[kept])
    return builder.problem()
