"""The pipeline operator schedule: which device runs which F, B and W of which micro-batch when.

`solve` searches and proves, `lower_bound` and `estimate` answer in milliseconds for the level
above. ortools is imported by `solver.schedule.cpsat` only, inside its functions.
"""

from solver.schedule.bounds import lower_bound
from solver.schedule.families import FAMILIES, refusal
from solver.schedule.problem import (
    Action,
    Chunk,
    Edge,
    OrderPin,
    Schedule,
    ScheduleProblem,
    ScheduleResult,
    Transfer,
)
from solver.schedule.solve import solve
from solver.schedule.starts import estimate
from solver.schedule.timeline import makespan_bubble, render_timeline, span_bubble

__all__ = [
    "FAMILIES",
    "Action",
    "Chunk",
    "Edge",
    "OrderPin",
    "Schedule",
    "ScheduleProblem",
    "ScheduleResult",
    "Transfer",
    "estimate",
    "lower_bound",
    "makespan_bubble",
    "refusal",
    "render_timeline",
    "solve",
    "span_bubble",
]
