"""Level `fake`: a rank of every stage runs its whole step at true size, on tensors with shapes and
without values (the meta device, a fake process group).

What it communicates must be what the plan lists: operator, tensor, phase, collective, sub-axes,
bytes and count, all equal. What is alive after every operator of the schedule must be what the plan
says is in flight, byte for byte; what a split backward leaves for W beyond section 7 of
`solver/README.md` is counted apart. What is allocated for parameters, gradients and optimizer state
must be the plan's as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from solver.execution.counting import Call, counting
from solver.execution.memory_trace import trace
from solver.execution.orders import Pipeline, pipeline
from solver.execution.outcome import Outcome
from solver.execution.ranks.collectives import Line
from solver.execution.ranks.digits import digits
from solver.execution.ranks.machine import OneRank, row_of, world
from solver.execution.ranks.pieces import Pieces
from solver.execution.ranks.program import Program
from solver.execution.ranks.refusals import refuse, refusing
from solver.execution.ranks.runner import Borders, Runner
from solver.execution.ranks.types import Types
from solver.execution.ranks.weights import Weights
from solver.execution.torch_needed import need_torch
from solver.export.saved import SavedPlan
from solver.verify.plan import Plan
from solver.verify.report import Violation


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rank of a stage did: collectives, live bytes after every operator, less those that
    only W waits for (`waiting`), bytes of parameters, gradients and optimizer."""

    calls: Counter[Call]
    live: tuple[int, ...]
    waiting: tuple[int, ...]
    stored: tuple[int, int, int]


def check(saved: SavedPlan) -> Outcome:
    """Run a rank of every stage and compare."""
    need_torch(saved)
    refuse(saved)
    order = pipeline(saved)
    violations: list[Violation] = []
    lines: list[str] = []
    with refusing(saved):
        for stage in range(saved.plan.stages):
            measured = measure(saved.plan, order, stage)
            violations += compare(saved, order, stage, measured)
            calls, after = sum(measured.calls.values()), len(measured.live)
            line = f"stage {stage}: {calls} collectives, live bytes after {after} operators"
            held = max(measured.waiting, default=0)
            waits = f" (and at most {held} bytes more that W waits for)" if held else ""
            lines.append(f"{line} as planned{waits}")
    return Outcome(() if violations else tuple(lines), tuple(violations))


def measure(plan: Plan, order: Pipeline, stage: int) -> Measured:
    """One step of one rank of a stage."""
    import torch

    mesh = plan.spec.mesh.parts
    at = {part.name: 0 for part in mesh}
    left = stage
    for part in reversed(plan.pipeline):
        left, at[part.name] = divmod(left, part.size)
    with world(plan.spec.mesh.devices, row_of(at, mesh)), torch.device("meta"), torch.no_grad():
        machine = OneRank(mesh, at)
        program = _program(plan, machine)
        stored = _place(program, stage)
        runner = Runner(program, order.fused)
        live: list[int] = []
        waiting: list[int] = []
        with counting(program.line) as counted:
            counted.ignore(program.weights.tensors())
            for operator in order.orders[stage]:
                _run(runner, operator.chunk, operator.phase, operator.microbatch)
                held = counted.size_of(runner.waiting())
                waiting.append(held)
                live.append(counted.live - held)
            program.weights.step(None)
        return Measured(counted.calls, tuple(live), tuple(waiting), stored)


def _program(plan: Plan, machine: OneRank) -> Program:
    line, types = Line(machine), Types(machine)
    pieces = Pieces(plan, types)
    weights = Weights(plan, line, types)
    return Program(
        plan,
        line,
        digits(plan),
        weights,
        inputs=lambda name, layout, _microbatch: pieces.blank(name, layout),
        ones=pieces.blank,
    )


def _place(program: Program, stage: int) -> tuple[int, int, int]:
    """Allocate the parameters of a stage; bytes of weights, gradients and optimizer state."""
    plan, weights = program.plan, program.weights
    pieces = Pieces(plan, weights.types)
    for name in plan.wiring.parameters:
        if any(plan.stage_of[r.operator.unit] == stage for r in plan.wiring.readers[name]):
            weights.add(name, pieces.parameter)
    stored = weights.stored.values()
    return (
        sum(one.weight.untyped_storage().nbytes() for one in stored),
        sum(one.gradient.nbytes for one in stored if one.gradient is not None),
        sum(one.state.nbytes for one in stored if one.state is not None),
    )


def _run(runner: Runner, chunk: int, phase: str, microbatch: int) -> None:
    program = runner.program
    pieces, borders = Pieces(program.plan, program.weights.types), Borders(program)
    if phase == "F":
        needed = borders.into_forward(chunk)
        runner.forward(chunk, microbatch, {k: pieces.blank(k[1], v) for k, v in needed.items()})
    elif phase == "B":
        needed = borders.into_backward(chunk)
        runner.backward(chunk, microbatch, {k: pieces.blank(k[1], v) for k, v in needed.items()})
    else:
        runner.weight(chunk, microbatch)
    program.late.clear()


def compare(
    saved: SavedPlan, order: Pipeline, stage: int, measured: Measured
) -> Iterator[Violation]:
    """Where what was measured is not what the plan says."""
    yield from _compare_calls(planned(saved, stage), measured.calls, stage)
    held, fused = dict(enumerate(order.saved)), dict(enumerate(order.fused))
    for number, (step, live) in enumerate(
        zip(trace(order.orders[stage], held, fused), measured.live, strict=True)
    ):
        if step.after != live:
            message = f"after {step.operator} {live} bytes are alive, planned are {step.after:.0f}"
            yield Violation("run-live-bytes", message, f"stage {stage}, operator {number}")
            break
    terms = saved.document["memory"][stage]["terms"]
    for name, found in zip(("parameters", "gradients", "optimizer"), measured.stored, strict=True):
        if terms[name] != found:
            message = f"{found} bytes are allocated, planned are {terms[name]:.0f}"
            yield Violation("run-stored-bytes", message, f"memory[{stage}].terms.{name}")


def planned(saved: SavedPlan, stage: int) -> Counter[Call]:
    """The plan's collectives on a device of a stage: what its operators need, and once per step
    what the parameters do that it holds."""
    plan = saved.plan
    stages = {op.name: {plan.stage_of[op.unit]} for op in plan.spec.graph.operators}
    units = plan.wiring.readers
    found: Counter[Call] = Counter()
    for entry in saved.document["communication"]:
        name = entry["operator"]
        if name in stages:
            where = stages[name]
        else:
            readers = [plan.stage_of[read.operator.unit] for read in units[name]]
            where = set(readers) if entry["phase"] == "step" else {readers[0]}
        if stage in where:
            found[_call(plan, entry)] += entry["count"]
    return found


def _call(plan: Plan, entry: dict[str, Any]) -> Call:
    axes = tuple(part.name for part in plan.spec.mesh.parts if part.name in entry["axes"])
    words = (entry["operator"], entry["tensor"], entry["phase"], entry["collective"])
    return (*words, axes, entry["bytes"])


def _compare_calls(
    predicted: Counter[Call], counted: Counter[Call], stage: int
) -> Iterator[Violation]:
    for call in dict.fromkeys((*predicted, *counted)):
        if predicted[call] != counted[call]:
            operator, tensor, phase, collective, axes, size = call
            message = (
                f"{collective} of {size:.0f} bytes over ({', '.join(axes)}) in {phase} of "
                f"`{operator}`" + (f" for `{tensor}`" if tensor not in (None, operator) else "")
            )
            times = f" runs {counted[call]} times, planned are {predicted[call]}"
            yield Violation("run-collectives", message + times, f"stage {stage}")
