"""The document's derived figures against the recomputed ones, one section per function."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from dsl.spec import Mesh
from solver.verify.claims import Claims, MemoryClaim, PinClaim, StepClaim
from solver.verify.figures import Bill, Figures, StageMemory, StepAction
from solver.verify.layouts import product
from solver.verify.plan import Plan
from solver.verify.report import RELATIVE, Violation, at_most, differs


def mesh_violations(claims: Claims, mesh: Mesh) -> Iterator[Violation]:
    """The mesh of the document is that of the spec."""
    axes = tuple((axis.name, axis.size) for axis in mesh.axes)
    if claims.axes != axes or claims.devices != mesh.devices:
        yield Violation("mesh", "this is not the mesh of the spec", "mesh")


def memory_violations(claims: Claims, figures: Figures, plan: Plan) -> Iterator[Violation]:
    """Every term and peak is the recomputed one, and no peak exceeds its limit."""
    if [claim.device for claim in claims.memory] != list(range(len(figures.memory))):
        message = f"there must be entries 0..{len(figures.memory) - 1}, one per stage"
        yield Violation("memory-list", message, "memory")
        return
    for claim, stage in zip(claims.memory, figures.memory, strict=True):
        yield from _memory_entry(claim, stage, product(plan.frame.parts))
    for at, stage in enumerate(figures.memory):
        if not at_most(stage.peak, stage.limit):
            message = f"a device needs {stage.peak:.0f} bytes, the limit is {stage.limit:.0f}"
            yield Violation("memory-limit", message, f"memory[{at}]")


def _memory_entry(claim: MemoryClaim, stage: StageMemory, devices: int) -> Iterator[Violation]:
    where = f"memory[{claim.device}]"
    if claim.devices != devices:
        message = f"a stage has {devices} devices, not {claim.devices}"
        yield Violation("memory-devices", message, f"{where}.devices")
    terms = stage.terms()
    for name, value in claim.terms:
        yield from differs("memory-term", f"{where}.terms.{name}", value, terms[name])
    yield from differs("memory-peak", f"{where}.peak_bytes", claim.peak, stage.peak)
    yield from differs("memory-limit-figure", f"{where}.limit_bytes", claim.limit, stage.limit)


def time_violations(claims: Claims, figures: Figures) -> Iterator[Violation]:
    """The step time, the bubble and the work once per step are those of the schedule."""
    yield from differs("step-time", "step_time_s", claims.step_time, figures.step_time)
    yield from differs("bubble", "pipeline.bubble", claims.bubble, figures.bubble)
    yield from _step_operators(claims.step_operators, figures.step_actions)


def _step_operators(
    claims: Sequence[StepClaim], actions: Sequence[StepAction]
) -> Iterator[Violation]:
    """Every operator once per step is listed once, in any order, with its stream and its times."""
    where = "pipeline.step_operators"
    places = {(c.stage, c.chunk, c.phase, c.stream): at for at, c in enumerate(claims)}
    if len(claims) != len(actions) or len(places) != len(claims):
        yield Violation("step-list", f"there must be {len(actions)} different operators", where)
        return
    for action in actions:
        at = places.get((action.stage, action.turn, action.phase, action.stream))
        if at is None:
            message = f"{action.phase} of stage {action.stage} is missing"
            yield Violation("step-list", message, where)
            continue
        yield from differs(
            "step-operator", f"{where}[{at}].start_s", claims[at].start, action.start
        )
        yield from differs("step-operator", f"{where}[{at}].end_s", claims[at].end, action.end)


def pin_violations(claims: Claims, figures: Figures) -> Iterator[Violation]:
    """Pins and limits are all listed and billed as recomputed; those without a price hold."""
    yield from _unmet(figures)
    if len(claims.pins) != len(figures.bills):
        message = f"there must be {len(figures.bills)} entries, every pin and then every limit"
        yield Violation("pin-list", message, "pins")
        return
    for at, (claim, bill) in enumerate(zip(claims.pins, figures.bills, strict=True)):
        yield from _pin_entry(claim, bill, f"pins[{at}]")


def _unmet(figures: Figures) -> Iterator[Violation]:
    """Hard pins, forbids and limits that do not hold."""
    for at, bill in enumerate(figures.bills):
        if not bill.satisfied and bill.weight is None:
            code = "limit" if bill.kind == "limit" else "pin-broken"
            message = f"`{bill.text}` ({bill.file}:{bill.line}) does not hold"
            yield Violation(code, message, f"pins[{at}]")


def _pin_entry(claim: PinClaim, bill: Bill, where: str) -> Iterator[Violation]:
    if (claim.text, claim.kind, claim.file, claim.line) != _identity(bill):
        message = f"this must be `{bill.text}` of {bill.file}:{bill.line}"
        yield Violation("pin-list", message, where)
        return
    if claim.satisfied != bill.satisfied:
        holds = "holds" if bill.satisfied else "does not hold"
        yield Violation("pin-satisfied", f"`{bill.text}` {holds}", f"{where}.satisfied")
    yield from _weight(claim.weight, bill.weight, f"{where}.weight_s")
    yield from _over(claim.over_bytes, bill.over_bytes, f"{where}.over_bytes")
    yield from _over(claim.over_seconds, bill.over_seconds, f"{where}.over_s")
    yield from differs("pin-paid", f"{where}.paid_s", claim.paid, bill.paid)


def _weight(claimed: float | None, computed: float | None, where: str) -> Iterator[Violation]:
    """The weight of the spec; seconds per byte are so small that only their ratio tells."""
    if claimed is None or computed is None:
        if claimed != computed:
            message = "the spec gives no weight" if computed is None else "the weight is missing"
            yield Violation("pin-weight", message, where)
    elif not math.isclose(claimed, computed, rel_tol=RELATIVE):
        message = f"the document says {claimed!r}, the spec {computed!r}"
        yield Violation("pin-weight", message, where)


def _over(claimed: float | None, computed: float | None, where: str) -> Iterator[Violation]:
    """What is over a soft limit, in the unit of what it limits; other entries do not say."""
    if claimed is None or computed is None:
        if claimed != computed:
            message = "it is missing" if claimed is None else "this is no soft limit of that unit"
            yield Violation("limit-over", message, where)
    else:
        yield from differs("limit-over", where, claimed, computed)


def _identity(bill: Bill) -> tuple[str, str, str, int]:
    return bill.text, bill.kind, bill.file, bill.line
