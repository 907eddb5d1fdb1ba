"""Level `static`: the schedule as a runtime would run it, by reasoning alone (no torch).

Every chunk runs every phase of every micro-batch once; sends and receives of every pair of devices
are in one order; the last chunk takes micro-batches in order, since losses are matched by place;
no device waits for ever; and the memory of the operators adds up to what the plan says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from solver.execution.lowering import Operator, StuckError, lower
from solver.execution.memory_trace import memory_violations, trace
from solver.execution.orders import Pipeline, pipeline
from solver.execution.outcome import Outcome
from solver.execution.posts import block_violations, need_violations, order_violations
from solver.export.saved import SavedPlan
from solver.verify.figures import Phase
from solver.verify.report import Violation

_WHERE = "pipeline.schedule"


def check(saved: SavedPlan) -> Outcome:
    """All static checks of a plan's schedule."""
    found = pipeline(saved)
    violations = tuple(schedule_violations(found))
    if not violations:
        violations = tuple(_memory(saved, found))
    operators = sum(map(len, found.orders))
    line = (
        f"{operators} operators of {len(found.places)} chunks on {len(found.orders)} stages: "
        "complete, messages in one order, no waits in a circle, memory adds up"
    )
    return Outcome(() if violations else (line,), violations)


def schedule_violations(pipeline: Pipeline) -> Iterator[Violation]:
    """What is wrong with the order itself. Incomplete orders are not looked at further."""
    incomplete = tuple(_completeness(pipeline))
    if incomplete:
        yield from incomplete
        return
    try:
        rows = lower(pipeline.orders, pipeline.edges, pipeline.places)
    except StuckError as stuck:
        yield Violation("run-deadlock", f"{stuck}: wait for each other for ever", _WHERE)
        return
    yield from last_chunk_violations(pipeline)
    yield from order_violations(rows)
    yield from need_violations(rows)
    yield from block_violations(rows)


def last_chunk_violations(pipeline: Pipeline) -> Iterator[Violation]:
    """The last chunk runs the forwards of micro-batches 0, 1, 2, ... in this order: runtimes keep
    losses in a list."""
    last = len(pipeline.places) - 1
    order = pipeline.orders[pipeline.places[last]]
    taken = [x.microbatch for x in order if x.chunk == last and x.phase == "F"]
    for wanted, microbatch in enumerate(taken):
        if microbatch != wanted:
            message = f"the last chunk runs micro-batch {microbatch} as number {wanted}"
            yield Violation("run-last-chunk", message, _WHERE)
            return


def _completeness(pipeline: Pipeline) -> Iterator[Violation]:
    counted = Counter(operator for order in pipeline.orders for operator in order)
    for chunk, fused in enumerate(pipeline.fused):
        phases: tuple[Phase, ...] = ("F", "B") if fused else ("F", "B", "W")
        for phase in phases:
            for microbatch in range(pipeline.microbatches):
                count = counted.pop(Operator(chunk, phase, microbatch), 0)
                if count != 1:
                    name = Operator(chunk, phase, microbatch)
                    yield Violation("run-count", f"{name} runs {count} times", _WHERE)
    for extra in counted:
        yield Violation("run-count", f"{extra} runs, and does not exist", _WHERE)


def _memory(saved: SavedPlan, pipeline: Pipeline) -> Iterator[Violation]:
    held = dict(enumerate(pipeline.saved))
    fused = dict(enumerate(pipeline.fused))
    for stage, order in enumerate(pipeline.orders):
        claimed = saved.document["memory"][stage]["terms"]["activations"]
        yield from memory_violations(stage, trace(order, held, fused), claimed)
