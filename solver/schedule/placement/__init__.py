"""Chunks placed on devices by the solver, together with the order of their operators.

`solve_placed` is `solver.schedule.solve` for chunks whose device is open.
"""

from solver.schedule.placement.problem import (
    FreeChunk,
    FreeEdge,
    Placement,
    PlacementProblem,
    PlacementResult,
    PlacePin,
)
from solver.schedule.placement.solve import solve_placed

__all__ = [
    "FreeChunk",
    "FreeEdge",
    "PlacePin",
    "Placement",
    "PlacementProblem",
    "PlacementResult",
    "solve_placed",
]
