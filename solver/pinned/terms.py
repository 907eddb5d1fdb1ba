"""Where the seconds of a step and the bytes of a device go, and how each figure is known.

Seconds are means over the stages, `step_time = (sum over stages of m (F + B + W) + tail) / P +
idle`; bytes are those of the fullest stage. A figure is *measured* where the spec brings times of
its own (measured operators, a fixed `transfer`), *assumed* where the spec states a share of its own
(`overlap`, a `reserve`), and otherwise follows by *formula* from shapes and the hardware library.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dsl.resolve.physics_names import is_described
from solver.pinned.evaluate import Evaluated
from solver.verify.figures import Call
from solver.verify.plan import Plan

Known = Literal["formula", "measured", "assumed"]
STEP = 1e-9  # of a step: less is rounding


@dataclass(frozen=True, slots=True)
class Term:
    """One row: seconds or bytes, how they are known, and by which rule."""

    name: str
    amount: float
    known: Known
    by: str


def time_terms(evaluated: Evaluated) -> tuple[Term, ...]:
    """The seconds of a step, largest first; they add up to it."""
    plan, figures = evaluated.priced.plan, evaluated.figures
    stages, count = plan.stages, plan.frame.microbatches
    working = math.fsum(count * stage.per_microbatch for stage in figures.stages)
    tails = math.fsum(stage.tail for stage in figures.stages)
    during, after = _communication(evaluated)
    measured = math.fsum(_measured_seconds(plan))
    update = tails - math.fsum(after.values())
    computed = working - math.fsum(during.values()) - measured
    idle = figures.step_time - (working + tails) / stages
    hidden, words = _says_overlap(plan), _rules(plan)
    terms = [
        Term("compute", computed / stages, "formula", words[0]),
        Term("measured operators", measured / stages, "measured", "times that the spec brings"),
        *(_collective(name, value / stages, words[1], hidden) for name, value in during.items()),
        *(
            _collective(f"{name} once per step", value / stages, words[1], hidden)
            for name, value in after.items()
        ),
        Term("optimizer", update / stages, "formula", "traffic / bandwidth"),
        _idle(plan, idle),
    ]
    shown = [term for term in terms if abs(term.amount) > STEP * figures.step_time]
    return tuple(sorted(shown, key=lambda term: -term.amount))


def _idle(plan: Plan, seconds: float) -> Term:
    family = plan.decisions.family
    known: Known = "formula" if plan.spec.train.transfer is None else "measured"
    order = f"order of `{family}`" if plan.stages > 1 else "one stage"
    return Term("bubble" if plan.stages > 1 else "idle", seconds, known, order)


def _rules(plan: Plan) -> tuple[str, str]:
    """How operators and collectives are priced, in words."""
    if all(is_described(device.physics) for device in plan.spec.mesh.kinds):
        return "kernels by shape and device", "fastest way of a communication library"
    return "max(flops / rate, traffic / bandwidth)", "bytes / bandwidth + rounds x latency"


def _collective(name: str, seconds: float, words: str, hidden: str) -> Term:
    if hidden and "parameters" in name:
        return Term(name, seconds, "assumed", f"{words}, {hidden}")
    return Term(name, seconds, "formula", words)


def _says_overlap(plan: Plan) -> str:
    """What the spec assumes compute hides, in words; empty where the schedule says it."""
    overlap = plan.spec.train.overlap
    return "" if isinstance(overlap, str) or overlap == 0 else f"{overlap:.0%} of it hidden"


def _communication(evaluated: Evaluated) -> tuple[dict[str, float], dict[str, float]]:
    """Visible seconds of every collective over all stages: in micro-batches, and once per step."""
    plan, figures = evaluated.priced.plan, evaluated.figures
    held = {holding.name: holding for holding in evaluated.priced.holdings}
    pipeline = {part.name for part in plan.pipeline}
    scheduled = plan.spec.train.overlap == "scheduled"
    during: dict[str, float] = {}
    after: dict[str, float] = {}
    for call in figures.calls:
        holding = held.get(call.operator)
        if scheduled and call.phase == "step" and len(plan.wiring.readers[call.operator]) == 1:
            continue  # what is left of all those of a stage is known, not of each
        each = call.seconds if call.exposed is None else call.exposed
        is_tied = call.phase == "step" and set(call.axes) <= pipeline
        if holding is not None and not is_tied:
            each *= plan.spec.train.visible
        copies = len(holding.stages) if holding is not None and call.phase == "step" else 1
        into = after if call.phase == "step" else during
        name = _name(call, holding is not None)
        into[name] = into.get(name, 0.0) + each * call.count * copies
    if scheduled:
        after["reduction of gradients of parameters"] = sum(w.wait for w in figures.step_work)
        after["gather of updated parameters"] = sum(w.rest for w in figures.step_work)
    return during, after


def _name(call: Call, of_parameter: bool) -> str:
    return call.collective.replace("_", "-") + (" of parameters" if of_parameter else "")


def _measured_seconds(plan: Plan) -> Iterator[float]:
    """Seconds per step of operators whose times the spec brings."""
    count = plan.frame.microbatches
    for operator in plan.spec.graph.operators:
        if (found := plan.variant(operator)) is not None:
            again = found.recompute_forward if plan.recomputed[operator.unit] else 0.0
            once = found.forward + found.input_grad + found.weight_grad + (again or 0.0)
            yield count * once


def memory_terms(evaluated: Evaluated, stage: int) -> tuple[Term, ...]:
    """The bytes of a device of a stage at its peak."""
    by = {
        "parameters": "elements / degrees x bytes",
        "gradients": "elements / degrees x bytes",
        "optimizer": "elements / degrees x bytes",
        "activations": "what operators save x micro-batches in flight",
        "buffers": "largest working set",
        "reserve": "stated in the spec",
    }
    found = evaluated.figures.memory[stage].terms()
    return tuple(
        Term(name, value, "assumed" if name == "reserve" else "formula", by[name])
        for name, value in found.items()
        if value
    )


def fullest(evaluated: Evaluated) -> int:
    """The stage whose devices hold most."""
    memory = evaluated.figures.memory
    return max(range(len(memory)), key=lambda stage: memory[stage].peak)
