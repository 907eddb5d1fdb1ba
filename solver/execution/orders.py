"""The order of a saved plan's operators on every device, chunks numbered over the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from solver.execution.lowering import Operator
from solver.export.saved import SavedPlan
from solver.verify.evaluate import Priced, price
from solver.verify.figures import Saved
from solver.verify.memory import virtual_stage_saved
from solver.verify.simulate import by_stage
from solver.verify.virtual_stages import renumbered


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the devices of a pipeline run, in order, and how chunks depend on each other.

    `places` is the stage of every chunk, `edges` pairs of chunks, `fused` says which chunks run
    their backward whole, `saved` what a micro-batch keeps of them.
    """

    orders: tuple[tuple[Operator, ...], ...]
    edges: tuple[tuple[int, int], ...]
    places: tuple[int, ...]
    fused: tuple[bool, ...]
    saved: tuple[Saved, ...]
    microbatches: int


def pipeline(saved: SavedPlan) -> Pipeline:
    """The pipeline of a plan that `verify` has passed."""
    plan = saved.plan
    priced: Priced = price(plan)
    actions = renumbered(plan.decisions.schedule, plan.places)
    rows = by_stage(actions, plan.stages, plan.places)
    virtual = priced.times.virtual
    return Pipeline(
        orders=tuple(tuple(Operator(a.stage, a.phase, a.microbatch) for a in row) for row in rows),
        edges=tuple((edge.source, edge.target) for edge in priced.times.edges),
        places=plan.places,
        fused=tuple(time.fused for time in virtual),
        saved=tuple(
            virtual_stage_saved(plan, chunk, time.fused) for chunk, time in enumerate(virtual)
        ),
        microbatches=plan.frame.microbatches,
    )
