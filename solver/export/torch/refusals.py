"""What PyTorch's pipeline runtime, or ours for operators, cannot do as the plan says."""

from __future__ import annotations

from collections.abc import Iterator

from dsl.diagnostic import Diagnostic
from solver.execution.orders import Pipeline
from solver.execution.static import schedule_violations
from solver.export.saved import SavedPlan
from solver.reference.lower import ProgramError
from solver.reference.runtime.kind_names import NAMES


def refusals(saved: SavedPlan, pipeline: Pipeline) -> Iterator[Diagnostic]:
    """Everything that keeps a plan from running, in the order of the document."""
    yield from _operators(saved)
    yield from _parameters(saved)
    yield from _edges(saved, pipeline)
    yield from _crossings(saved)
    for violation in schedule_violations(pipeline):
        yield saved.finding(
            "MMP731", violation.message, ("pipeline", "schedule"), "plan again, or mend the order"
        )


def unmade(saved: SavedPlan, error: ProgramError) -> list[Diagnostic]:
    """The findings of a plan that has no program."""
    found = []
    for place, name, message in error.reasons:
        code = "MMP732" if place == "parameters" else "MMP730"
        advice = "pin cuts that use the same mesh axes for this index everywhere"
        if place == "parameters":
            advice = "pin another level of storage for it"
        found.append(saved.finding(code, message, (place, name), advice))
    return found


def _operators(saved: SavedPlan) -> Iterator[Diagnostic]:
    for operator in saved.spec.graph.operators:
        place = ("operators", operator.name)
        if operator.variants:
            if saved.plan.shardings[operator.name].cut and any(
                saved.plan.shardings[operator.name].cut
            ):
                message = f"`{operator.name}` is measured, and cut: there is nothing to cut it by"
                yield saved.finding("MMP734", message, place, "export an order of uncut operators")
        elif operator.kind not in NAMES:
            message = f"`{operator.name}` is of the kind `{operator.kind}`, which has no arithmetic"
            yield saved.finding("MMP734", message, place, "kinds of the standard library have some")


def _parameters(saved: SavedPlan) -> Iterator[Diagnostic]:
    plan = saved.plan
    for name in plan.wiring.parameters:
        readers = plan.wiring.readers[name]
        chunks = {plan.virtual_stage_of[read.operator.unit] for read in readers}
        if len(chunks) > 1:
            message = f"`{name}` is read in chunks {_numbers(chunks)} of the pipeline"
            advice = "pin its readers to one stage: PyTorch sums no gradients over stages"
            yield saved.finding("MMP732", message, ("parameters", name), advice)


def _edges(saved: SavedPlan, pipeline: Pipeline) -> Iterator[Diagnostic]:
    for source, target in pipeline.edges:
        if target != source + 1:
            message = f"chunk {target} of the pipeline reads what chunk {source} made"
            advice = "a stage in PyTorch sends to the next one only; pin the layers between"
            yield saved.finding("MMP731", message, ("pipeline", "stages"), advice)
    made = {target for _, target in pipeline.edges}
    for chunk in range(1, len(pipeline.places)):
        if chunk not in made:
            message = f"chunk {chunk} of the pipeline reads nothing of chunk {chunk - 1}"
            advice = "in PyTorch every stage but the first receives from the one before"
            yield saved.finding("MMP731", message, ("pipeline", "stages"), advice)


def _crossings(saved: SavedPlan) -> Iterator[Diagnostic]:
    """Outputs that are not made in the last chunk, and messages that no gradient answers."""
    plan, graph = saved.plan, saved.spec.graph
    last = len(plan.places) - 1
    for name, write in plan.wiring.producers.items():
        chunk = plan.virtual_stage_of[write.operator.unit]
        place = ("operators", write.operator.name)
        if name in graph.outputs and chunk != last:
            message = f"the output `{name}` is made in chunk {chunk}, not in the last one, {last}"
            advice = "pin it to the last stage: PyTorch takes losses from there"
            yield saved.finding("MMP731", message, place, advice)
        tensor = graph.tensors[name]
        away = any(
            plan.virtual_stage_of[read.operator.unit] != chunk
            for read in plan.wiring.readers.get(name, ())
        )
        if away and not tensor.needs_gradient and tensor.opaque_bytes is None:
            message = f"`{name}` goes to another stage and has no gradient to come back"
            advice = "pin its readers to its stage"
            yield saved.finding("MMP731", message, place, advice)


def _numbers(chunks: set[int]) -> str:
    return ", ".join(map(str, sorted(chunks)))
