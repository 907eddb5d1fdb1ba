"""A plan document written from decisions and their figures, as the solver would write it."""

from __future__ import annotations

from typing import Any

from dsl.spec import Spec
from solver.verify.decisions import Cuts, Decisions
from solver.verify.evaluate import evaluate
from solver.verify.figures import Figures
from solver.verify.layouts import product
from solver.verify.memory import virtual_stage_saved
from solver.verify.plan import Plan, join
from solver.verify.proposal import propose
from solver.verify.simulate import Order
from solver.verify.storage import hold

Json = dict[str, Any]


def write(decisions: Decisions, spec: Spec, order: Order) -> Json:
    """The document of a legal plan that runs `order` as early as it can."""
    figures = evaluate(decisions, spec, order)
    proposal = propose(decisions, spec)
    plan = join(proposal)
    return {
        "format": "mmp-plan/1",
        "outcome": {"stopped": "limit", "plan": "feasible"},
        "objective": _objective(figures, spec),
        "step_time_s": figures.step_time,
        "mesh": {
            "devices": spec.mesh.devices,
            "axes": [{"name": axis.name, "size": axis.size} for axis in spec.mesh.axes],
        },
        "operators": {
            name: {
                "cuts": _lists(proposal.cuts(plan.wiring.operators[name])),
                "stage": choice.stage,
                "recompute": choice.recompute,
                **({} if choice.variant is None else {"variant": choice.variant}),
            }
            for name, choice in decisions.operators.items()
        },
        "tensors": {
            name: {"cuts": _lists(choice.cuts), "partial": list(choice.partial)}
            for name, choice in decisions.tensors.items()
        },
        "parameters": {name: _parameter(plan, name) for name in decisions.parameters},
        "pipeline": _pipeline(plan, figures),
        "memory": [
            {
                "device": at,
                "devices": product(plan.frame.parts),
                "peak_bytes": stage.peak,
                "limit_bytes": stage.limit,
                "terms": stage.terms(),
            }
            for at, stage in enumerate(figures.memory)
        ],
        "communication": [
            {
                "operator": call.operator,
                "tensor": call.tensor,
                "phase": call.phase,
                "collective": call.collective,
                "axes": list(call.axes),
                "bytes": call.bytes,
                "count": call.count,
                "seconds": call.seconds,
                **({} if call.exposed is None else {"exposed_s": call.exposed}),
            }
            for call in figures.calls
        ],
        "pins": [
            {
                "text": bill.text,
                "kind": bill.kind,
                "file": bill.file,
                "line": bill.line,
                "satisfied": bill.satisfied,
                "weight_s": bill.weight,
                "paid_s": bill.paid,
                **({} if bill.over_bytes is None else {"over_bytes": bill.over_bytes}),
                **({} if bill.over_seconds is None else {"over_s": bill.over_seconds}),
            }
            for bill in figures.bills
        ],
    }


def _objective(figures: Figures, spec: Spec) -> Json:
    name = spec.objective[0]
    return {
        "name": name,
        "unit": {"step_time": "s", "memory": "B"}[name],
        "value": figures.objective,
        "bound": 0.75 * figures.objective,
        "gap": 0.25,
        "penalty": figures.penalty,
    }


def _lists(cuts: Cuts) -> dict[str, list[str]]:
    return {name: list(parts) for name, parts in cuts}


def _parameter(plan: Plan, name: str) -> Json:
    """Stored cuts go beside the used ones, on the first dimension that they divide."""
    held = hold(plan, name)
    choice = plan.decisions.parameters[name]
    tensor = plan.spec.graph.tensors[name]
    sections = {"stored": held.weights, "gradients_stored": held.gradients}
    sections["optimizer_stored"] = held.optimizer
    entry: Json = {"used": _lists(choice.used), "levels": dict(choice.levels)}
    sizes = {part.name: part.size for part in plan.frame.parts}
    for key, parts in sections.items():
        stored = _lists(choice.used)
        for dim in tensor.dims:
            local = dim.size
            for part in dict(choice.used).get(dim.name, ()):
                local //= sizes[part]
            if parts and local % product(parts) == 0:
                stored.setdefault(dim.name, []).extend(part.name for part in parts)
                break
        else:
            if parts:
                first = tensor.dims[0].name
                stored.setdefault(first, []).extend(part.name for part in parts)
        entry[key] = stored
    width = plan.spec.train.precision.parameter_bytes
    return {**entry, "bytes_per_device": held.weight_elements() * width}


def _pipeline(plan: Plan, figures: Figures) -> Json:
    return {
        "microbatches": plan.decisions.microbatches,
        "axes": list(plan.decisions.pipeline),
        "family": plan.decisions.family,
        "fused": [time.fused for time in figures.stages],
        "bubble": figures.bubble,
        "stages": [
            {
                "stage": at,
                "operators": [name for unit in plan.units_on(at) for name in unit.operators],
                "units": [unit.name for unit in plan.units_on(at)],
                "forward_s": time.forward,
                "input_grad_s": time.input_grad,
                "weight_grad_s": time.weight_grad,
                "reduce_s": sum(work.reduce),
                "update_s": work.update,
                "gather_s": sum(work.gather),
                "tail_s": time.tail,
                **_held(plan, at, time.fused),
            }
            for at, (time, work) in enumerate(zip(figures.stages, figures.step_work, strict=True))
        ],
        "schedule": [
            {
                "stage": action.stage,
                "chunk": 0,
                "device": action.stage,
                "microbatch": action.microbatch,
                "phase": action.phase,
                "start_s": action.start,
                "end_s": action.end,
            }
            for action in figures.schedule
        ],
        "step_operators": [
            {
                "stage": action.stage,
                "chunk": action.turn,
                "phase": action.phase,
                "stream": action.stream,
                "start_s": action.start,
                "end_s": action.end,
            }
            for action in figures.step_actions
        ],
    }


def _held(plan: Plan, stage: int, is_fused: bool) -> Json:
    """What a micro-batch holds on a stage, and what the end of its B frees."""
    held = virtual_stage_saved(plan, stage, is_fused)
    early = held.until_input_grad
    return {"activation_bytes": held.total, "released_by_input_grad_bytes": early}
