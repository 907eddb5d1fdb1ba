"""What a micro-batch costs a unit: seconds in a phase, one at a time, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.spec import SubAxis
from solver.verify import collectives
from solver.verify.collectives import Collective
from solver.verify.figures import Call, Phase
from solver.verify.plan import Plan


@dataclass(frozen=True, slots=True)
class Charge:
    """`seconds` of a unit's phase, per micro-batch; `call` where a collective is the reason.

    `repeats`: a part of the forward that a recomputed unit runs again before its backward.
    """

    unit: str
    phase: Phase
    seconds: float
    call: Call | None = None
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """Who is charged and why: the unit that pays, and the names the document shows. What is `kept`
    by a unit that is recomputed is not brought again."""

    unit: str
    operator: str
    tensor: str | None
    phase: Phase
    kept: bool = False


def communicate(
    plan: Plan, cause: Cause, collective: Collective, parts: tuple[SubAxis, ...], size: float
) -> Charge:
    """The charge of one collective on activations, once per micro-batch."""
    duration = collectives.seconds(collective, size, parts, plan.spec.mesh.device)
    call = Call(
        operator=cause.operator,
        tensor=cause.tensor,
        phase=cause.phase,
        collective=collective,
        axes=tuple(part.name for part in parts),
        bytes=size,
        count=plan.frame.microbatches,
        seconds=duration,
    )
    repeats = cause.phase == "F" and not cause.kept
    return Charge(cause.unit, cause.phase, duration, call, repeats)
