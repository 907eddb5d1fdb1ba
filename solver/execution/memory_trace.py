"""The memory of a schedule, operator by operator, as sums: what is allocated and what is freed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.execution.lowering import Operator
from solver.verify.figures import Saved
from solver.verify.report import Violation, differs


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes for micro-batches in flight on a device while an operator runs, and after its end."""

    operator: Operator
    during: float
    after: float


def trace(order: Sequence[Operator], held: dict[int, Saved], fused: dict[int, bool]) -> list[Step]:
    """Replay the order of one device. `held` and `fused` are per chunk."""
    live: dict[tuple[int, int], Saved] = {}
    steps: list[Step] = []
    for operator in order:
        key = (operator.chunk, operator.microbatch)
        if operator.phase == "F":
            live[key] = held[operator.chunk]
        during = sum(saved.total for saved in live.values())
        if operator.phase == "B" and not fused[operator.chunk]:
            live[key] = Saved(0.0, live[key].until_weight_grad)
        elif operator.phase != "F":
            del live[key]
        steps.append(Step(operator, during, sum(saved.total for saved in live.values())))
    return steps


def memory_violations(stage: int, steps: Sequence[Step], claimed: float) -> Iterator[Violation]:
    """The peak is the plan's, and nothing is left when the step ends."""
    peak = max((step.during for step in steps), default=0.0)
    yield from differs("run-memory", f"memory[{stage}].terms.activations", claimed, peak)
    if steps and steps[-1].after:
        message = f"{steps[-1].after!r} bytes are still held when the step ends"
        yield Violation("run-memory", message, "pipeline.schedule")
