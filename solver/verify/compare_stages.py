"""What a document says of its stages and their chunks against the recomputed figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dsl.spec import Unit
from solver.verify.claims import Claims, ContentClaim, StageClaim
from solver.verify.evaluate import Priced
from solver.verify.figures import Saved, StageTime
from solver.verify.memory import virtual_stage_saved
from solver.verify.report import Violation, differs
from solver.verify.saved import NOTHING


def stage_violations(claims: Claims, priced: Priced) -> Iterator[Violation]:
    """Stages hold what the decisions say, and take the recomputed times and bytes."""
    times, where = priced.times.stages, "pipeline.stages"
    yield from _division(claims, priced)
    if [claim.stage for claim in claims.stages] != list(range(len(times))):
        yield Violation("stage-list", f"there must be stages 0..{len(times) - 1}", where)
        return
    if claims.fused != tuple(time.fused for time in times):
        message = "a stage is fused exactly where no chunk of it can split its backward"
        yield Violation("stage-fused", message, "pipeline.fused")
    for claim, time, work in zip(claims.stages, times, priced.times.step_work, strict=True):
        at = f"{where}[{claim.stage}]"
        here = [c for c, stage in enumerate(priced.plan.places) if stage == claim.stage]
        units = priced.plan.units_on(claim.stage)
        held = sum((_saved(priced, chunk) for chunk in here), NOTHING)
        yield from _content(claim.content, units, time, held, at)
        yield from differs("stage-time", f"{at}.reduce_s", claim.reduce, sum(work.reduce))
        yield from differs("stage-time", f"{at}.update_s", claim.update, work.update)
        yield from differs("stage-time", f"{at}.gather_s", claim.gather, sum(work.gather))
        yield from differs("stage-time", f"{at}.tail_s", claim.tail, time.tail)
        yield from _chunks(claim, here, priced, at)


def _division(claims: Claims, priced: Priced) -> Iterator[Violation]:
    """Chunks per stage and their placement are the spec's; said only where there are several."""
    wish, where = priced.plan.spec.train.pipeline, "pipeline.chunks"
    is_divided = len(priced.plan.places) > priced.plan.stages
    wanted = (wish.chunks, wish.placement) if is_divided else (None, None)
    if (claims.chunks, claims.placement) != wanted:
        words = f"{wish.chunks} chunks `{wish.placement}`" if is_divided else "one chunk per stage"
        yield Violation("stage-list", f"there must be {words}", where)


def _chunks(
    claim: StageClaim, here: Sequence[int], priced: Priced, where: str
) -> Iterator[Violation]:
    """The chunks of a stage, which one of a single chunk does not list."""
    wanted = here if len(here) > 1 else []
    if len(claim.chunks) != len(wanted):
        message = f"there must be {len(wanted)} chunks"
        yield Violation("stage-list", message, f"{where}.chunks")
        return
    for turn, (chunk, virtual) in enumerate(zip(claim.chunks, wanted, strict=True)):
        at, time = f"{where}.chunks[{turn}]", priced.times.virtual[virtual]
        if chunk.fused != time.fused:
            message = "a chunk is fused exactly where its backward cannot be split"
            yield Violation("stage-fused", message, f"{at}.fused")
        units, held = priced.plan.units_in(virtual), _saved(priced, virtual)
        yield from _content(chunk.content, units, time, held, at)


def _saved(priced: Priced, virtual: int) -> Saved:
    return virtual_stage_saved(priced.plan, virtual, priced.times.virtual[virtual].fused)


def _content(
    claim: ContentClaim, units: Sequence[Unit], time: StageTime, held: Saved, where: str
) -> Iterator[Violation]:
    """The units and operators of a stage or chunk, their times and what a micro-batch holds."""
    operators = [name for unit in units for name in unit.operators]
    if sorted(claim.units) != sorted(unit.name for unit in units):
        yield Violation("stage-content", "these are not the units here", f"{where}.units")
    if sorted(claim.operators) != sorted(operators):
        yield Violation("stage-content", "these are not the operators here", f"{where}.operators")
    yield from differs("stage-time", f"{where}.forward_s", claim.forward, time.forward)
    yield from differs("stage-time", f"{where}.input_grad_s", claim.input_grad, time.input_grad)
    yield from differs("stage-time", f"{where}.weight_grad_s", claim.weight_grad, time.weight_grad)
    total, early = held.total, held.until_input_grad
    released = claim.released_by_input_grad
    yield from differs("stage-memory", f"{where}.activation_bytes", claim.activations, total)
    yield from differs("stage-memory", f"{where}.released_by_input_grad_bytes", released, early)
