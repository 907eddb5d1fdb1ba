"""A spec without anything left to choose, to the figures of its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsl.spec import Operator, Recomputed, Spec
from solver.pinned.cuts import cuts_of
from solver.pinned.findings import Assumption, OpenError
from solver.pinned.layouts import shared_layouts
from solver.pinned.order import schedule_of
from solver.pinned.settings import settings_of
from solver.pinned.stages import chunks_of
from solver.pinned.storage import stored
from solver.verify.decisions import Cuts, Decisions, OperatorChoice
from solver.verify.evaluate import Priced, finish, price
from solver.verify.figures import Figures
from solver.verify.layouts import Frame, shard
from solver.verify.legal_storage import level_violations
from solver.verify.legality import violations
from solver.verify.plan import join
from solver.verify.proposal import propose
from solver.verify.virtual_stages import places
from solver.verify.wiring import wire


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The plan that the pins make, all its figures, and what they took beside the pins."""

    priced: Priced
    figures: Figures
    assumptions: tuple[Assumption, ...]


def evaluate_pinned(spec: Spec) -> Evaluated:
    """Price a spec whose settings and pins leave nothing to the solver. Raises OpenError."""
    settings = settings_of(spec)
    named = {part.name for part in settings.pipeline}
    parts = tuple(part for part in spec.mesh.parts if part.name not in named)
    frame, wiring = Frame(parts, settings.microbatches), wire(spec.graph)
    if len(spec.mesh.kinds) > 1 and not settings.pipeline:
        raise OpenError(("the stages: a mesh of several kinds of devices needs one per kind",))
    place = places(spec.train.pipeline, settings.stages)
    chunks, dealt = chunks_of(spec, settings, place)
    cuts, followed = cuts_of(spec, frame)
    operators = _operators(spec, place, chunks, cuts)
    own = {
        operator.name: shard(operator, _cuts(operator, operators[operator.name]), frame)
        for operator in spec.graph.operators
    }
    decisions = Decisions(
        operators=operators,
        tensors=shared_layouts(wiring, own, frame, spec.mesh.kinds[0]),
        parameters=stored(spec, wiring, own, frame),
        pipeline=tuple(part.name for part in settings.pipeline),
        microbatches=settings.microbatches,
        family=spec.train.pipeline.family,
        schedule=(),
    )
    priced = _priced(decisions, spec)
    return Evaluated(priced, finish(priced, schedule_of(priced)), (*dealt, *followed))


def _priced(decisions: Decisions, spec: Spec) -> Priced:
    proposal = propose(decisions, spec)
    found = violations(proposal)
    if not found:
        plan = join(proposal)
        found = tuple(level_violations(plan))
    if found:
        raise OpenError(tuple(f"{v.where}: {v.message}" for v in found))
    return price(plan)


def _operators(
    spec: Spec,
    place: tuple[int, ...],
    chunks: Mapping[str, int],
    cuts: Mapping[str, Cuts],
) -> dict[str, OperatorChoice]:
    again = _recomputed(spec)
    turns = [place[:chunk].count(stage) for chunk, stage in enumerate(place)]
    found = {}
    for operator in spec.graph.operators:
        chunk = chunks[operator.unit]
        found[operator.name] = OperatorChoice(
            cuts=cuts.get(operator.name),
            stage=place[chunk],
            recompute=again[operator.unit],
            variant=_variant(operator) if operator.variants else None,
            turn=turns[chunk],
        )
    return found


def _recomputed(spec: Spec) -> dict[str, bool]:
    """Units as the `train` block says, and those that a pin names as it says."""
    full = spec.train.recompute == "full"
    found = {unit.name: full for unit in spec.graph.units}
    for pin in spec.pins:
        for wish in pin.requirements:
            if isinstance(wish, Recomputed):
                found[wish.unit] = wish.wanted != (pin.kind == "forbid")
    return found


def _variant(operator: Operator) -> str:
    if len(operator.variants) > 1:
        raise OpenError((f"the measured variant of {operator.name}",))
    return operator.variants[0].name


def _cuts(operator: Operator, choice: OperatorChoice) -> Cuts:
    if choice.cuts is not None:
        return choice.cuts
    return next(v.cuts for v in operator.variants if v.name == choice.variant)
