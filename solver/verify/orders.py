"""Whether a timed schedule runs one operator before another, as a pin on their order asks."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.spec import PipelineOperator, RunsBefore
from solver.verify.figures import Action
from solver.verify.simulate import ROUNDING


def runs_before(wish: RunsBefore, schedule: Sequence[Action]) -> bool:
    """Does the first operator end before the second starts? Not where one of them does not exist.

    The second may be early by a billionth of the last end, as everywhere in a schedule.
    """
    before, after = _find(wish.before, schedule), _find(wish.after, schedule)
    if before is None or after is None:
        return False
    within = ROUNDING * max(action.end for action in schedule)
    return before == after or after.start >= before.end - within


def _find(operator: PipelineOperator, schedule: Sequence[Action]) -> Action | None:
    """The action of an operator: that of its phase in its chunk which is the micro-batch-th to run;
    without weight gradients in the chunk, the backward does their work."""
    here = [a for a in schedule if (a.stage, a.turn) == (operator.stage, operator.chunk)]
    phase = operator.phase
    if phase == "W" and all(a.phase != "W" for a in here):
        phase = "B"
    row = sorted((a for a in here if a.phase == phase), key=lambda a: (a.start, a.end))
    return row[operator.microbatch] if operator.microbatch < len(row) else None
