"""The factors of step times, from the rows of `StageTerms`."""

from __future__ import annotations

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.lower.blocks import FIGURES, Rates, undominated
from solver.sharding.problem import ShardingProblem
from solver.sharding.terms import StageTerms


def store_factors(problem: ShardingProblem, units: Floats, held: Floats) -> Floats:
    """[point, store, figure]: a parameter is charged to the units of its class, and once per stage
    (`held`) for what a parameter of several units keeps and does once per step."""
    classes = [problem.nodes[store.node].unit_class for store in problem.stores]
    kinds = problem.kinds
    factors = np.zeros((len(units), len(classes), max(FIGURES, kinds.width)))
    factors[:, :, : kinds.width] = units[:, classes, 0]
    once = [*kinds.rows(Quantity.STATIC), *kinds.rows(Quantity.STEP)]
    for number, store in enumerate(problem.stores):
        if not store.per_unit:
            factors[:, number, once] = held[:, number, once]
    return factors


def row_rates(problem: ShardingProblem, terms: StageTerms) -> Rates:
    """The rows of times; a row that another one reaches in every factor is never the only largest
    one and is left out."""
    flat = np.concatenate(
        [terms.time.reshape(len(terms.time), -1), terms.held_time.reshape(len(terms.time), -1)],
        axis=1,
    )
    rows = undominated(flat)
    time = terms.time[rows]
    return Rates(time, time[:, :, 0], store_factors(problem, time, terms.held_time[rows]))
