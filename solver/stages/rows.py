"""Factors of quantities on the devices of a stage, as rows of tables (`solver.cost.kinds`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.kinds import Kinds
from solver.cost.quantities import Quantity
from solver.sharding.problem import ShardingProblem


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one block: those of a kind of devices, or those of a bound."""

    kinds: Kinds
    block: int

    def factors(self, number: Floats, again: Floats, factor: Mapping[Quantity, float]) -> Floats:
        """[class, part, row] factors from counts [class, part]."""
        result = np.zeros((*number.shape, self.kinds.width))
        for quantity, value in factor.items():
            row = self.kinds.row(quantity, self.block)
            result[..., row] = value * (again if quantity == Quantity.AGAIN else number)
        return result


def rows_of(problem: ShardingProblem, stage: int) -> Rows:
    """The rows of the devices of a stage."""
    return Rows(problem.kinds, problem.split.kinds[stage])
