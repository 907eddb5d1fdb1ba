"""The parts of a pin as requirements on the operators, parameters and units it hits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from dsl import spec, syntax
from dsl.resolve.expressions import integer
from dsl.resolve.pins.sharding import check_cuts, cut_over, split, whole
from dsl.resolve.pins.targets import PinContext
from dsl.resolve.report import RejectedError


def requirements(parts: Sequence[syntax.PinPart], pin: PinContext) -> tuple[spec.Requirement, ...]:
    """What all parts of a pin ask for; every part is looked at before RejectedError."""
    found: list[spec.Requirement] = []
    failed = pin.targets is None
    for part in parts:
        try:
            found.extend(_part(part, pin))
        except RejectedError:
            failed = True
    if failed:
        raise RejectedError("pin")
    if not pin.is_forbid:
        check_cuts(parts, pin)
    return tuple(found)


def _part(part: syntax.PinPart, pin: PinContext) -> Sequence[spec.Requirement]:
    match part:
        case syntax.Cut():
            return cut_over(part, pin)
        case syntax.Split():
            return split(part, pin)
        case syntax.WholePart():
            return whole(part, pin)
        case syntax.OnStage():
            low, high = _stages(part, pin)
            return [spec.OnStage(unit, low, high) for unit in pin.operators(part.span).units]
        case syntax.Stored():
            return _stored(part, pin)
        case syntax.RecomputePart():
            units = pin.operators(part.span).units
            return [spec.Recomputed(unit, part.wanted) for unit in units]


def _stages(part: syntax.OnStage, pin: PinContext) -> tuple[int, int]:
    """First and last stage allowed; `last` is -1. Errors: MMP206 (empty range), MMP416."""
    match part.where:
        case syntax.Range(low=low, high=high) if low is not None and high is not None:
            ends = _stage(low, pin), _stage(high, pin)
        case "first":
            ends = 0, 0
        case _:
            ends = -1, -1
    if ends[0] > ends[1]:
        message = f"the range {ends[0]}..{ends[1]} is empty"
        raise pin.report.error("MMP206", message, part.span)
    return ends


def _stage(expr: syntax.Expr, pin: PinContext) -> int:
    stage = integer(expr, pin.names, pin.report, 0, "a stage")
    if pin.stages is not None and stage >= pin.stages:
        message = f"there are at most {pin.stages} stages, 0 to {pin.stages - 1}"
        hint = "`last` is the last one, however many there are"
        raise pin.report.error("MMP416", message, expr.span, hint=hint)
    return stage


def _stored(part: syntax.Stored, pin: PinContext) -> list[spec.StoredOver]:
    """Requirements of `stored over gpu`. Error MMP418 when nothing hit has a parameter."""
    axes = pin.parts(part.axes)
    targets = pin.known_targets()
    if not targets.parameters:
        message = "nothing selected has a parameter to store"
        raise pin.report.error("MMP418", message, part.span)
    what = cast(Literal["parameters", "gradients", "optimizer"], part.what)
    return [spec.StoredOver(parameter, what, axes) for parameter in targets.parameters]
