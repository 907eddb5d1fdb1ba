"""Problems and schedules of the scheduler, judged by the verifier's simulation."""

from __future__ import annotations

from solver.schedule import Schedule, ScheduleProblem
from solver.schedule.families import is_fused
from solver.verify import pipeline_simulation as simulation
from solver.verify.pipeline_simulation import Case, Simulation, simulate


def case(problem: ScheduleProblem) -> Case:
    """The problem in the verifier's own terms."""
    family = problem.family
    return Case(
        tuple(
            simulation.Chunk(
                c.device,
                c.forward,
                c.input_grad,
                c.weight_grad,
                c.activation_bytes,
                c.released_by_input_grad,
                c.workspace_bytes,
                c.stream,
            )
            for c in problem.chunks
        ),
        tuple(
            simulation.Edge(
                e.source, e.target, e.delay, e.link, e.transfer, e.back_link, e.transfer
            )
            for e in problem.edges
        ),
        problem.microbatches,
        problem.capacity_bytes,
        problem.tails,
        is_fused(family) if family else not problem.split_backward,
    )


def judge(problem: ScheduleProblem, schedule: Schedule) -> Simulation:
    """What the simulation says of a schedule."""
    return simulate(
        case(problem),
        [
            simulation.Action(a.chunk, a.microbatch, a.phase, a.start, a.end)
            for a in schedule.actions
        ],
        [
            simulation.Transfer(t.edge, t.microbatch, t.phase, t.start, t.end)
            for t in schedule.transfers
        ],
    )
