"""What MindSpore's layouts, stages and optimizer parallelism cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from solver.export.named_axes import parameter_axes
from solver.export.refusals import Refusal
from solver.export.saved import SavedPlan
from solver.export.transformer.order import PLACE, built_in, departure
from solver.export.transformer.ranks import rank_refusals

WHO = "MindSpore"
_FIELDS = ("stored", "gradients_stored", "optimizer_stored")


def refusals(saved: SavedPlan) -> Iterator[Refusal]:
    """Everything in the plan that the export cannot hold."""
    plan = saved.plan
    for operator in saved.spec.graph.operators:
        if operator.variants:
            reason = f"is a measured operator; {WHO} needs tensors with dimensions to cut"
            yield Refusal("MMP734", operator.name, reason, ("operators", operator.name))
    if len(plan.places) > plan.stages:
        reason = f"holds several chunks on a stage, whose order {WHO} chooses itself"
        yield Refusal("MMP731", "pipeline", reason, PLACE)
    elif built_in(saved) is None:
        subject, place = departure(saved)
        reason = f"departs from 1F1B; {WHO} runs that, or GPipe, with whole backwards"
        yield Refusal("MMP731", subject, reason, place)
    stages = {part.name for part in plan.pipeline}
    wanted = {part.name: int(part.name not in stages) for part in saved.spec.mesh.parts}
    yield from rank_refusals(plan, [wanted], WHO)
    yield from _storage(saved)


def level(saved: SavedPlan) -> int:
    """The level of optimizer parallelism: the largest of any parameter, which all must have."""
    names = saved.document["parameters"]
    return max((_level(saved, name) for name in names), default=0)


def _storage(saved: SavedPlan) -> Iterator[Refusal]:
    """One level for all parameters, over all devices that repeat them."""
    wanted = level(saved)
    parts = [part.name for part in saved.plan.frame.parts]
    for name in saved.document["parameters"]:
        used = parameter_axes(saved, name, "used")
        repeats = [p for p in parts if not any(p in names for names in used)]
        place = ("parameters", name)
        if wanted and repeats and _level(saved, name) != wanted:
            reason = f"is stored at level {_level(saved, name)}, where {WHO} has one level for all"
            yield Refusal("MMP732", name, f"{reason}, here {wanted}", place)
        elif wanted and any(
            _beyond(saved, name, field) != repeats for field in _FIELDS[3 - wanted :]
        ):
            reason = f"is not stored over all devices that repeat it, as {WHO} stores parameters"
            yield Refusal("MMP732", name, reason, place)


def _beyond(saved: SavedPlan, name: str, field: str) -> list[str]:
    """The sub-axes that cut a parameter in storage but not in use, in mesh order."""
    used, stored = (parameter_axes(saved, name, which) for which in ("used", field))
    cutting = {p for names in used for p in names}
    parts = [part.name for part in saved.plan.frame.parts]
    return [p for p in parts if p not in cutting and any(p in names for names in stored)]


def _level(saved: SavedPlan, name: str) -> int:
    """What of a parameter is cut in storage: 3 all, 2 all but itself, 1 its state, 0 nothing."""
    used = parameter_axes(saved, name, "used")
    return sum(parameter_axes(saved, name, field) != used for field in _FIELDS)
