"""Redistribution of tensors between operators, forward and backward (section 5)."""

from __future__ import annotations

from collections.abc import Iterator

from solver.verify.charges import Cause, Charge, communicate
from solver.verify.layouts import Layout, whole_sums
from solver.verify.plan import Plan
from solver.verify.redistribution import redistribute
from solver.verify.wiring import Read, Write


def tensor_charges(plan: Plan, name: str) -> Iterator[Charge]:
    """Everything it costs to bring an input or value to its readers and its gradient back."""
    readers = plan.wiring.readers.get(name, ())
    if not readers:
        return
    yield from _forward(plan, name, readers)
    if plan.spec.graph.tensors[name].needs_gradient:
        yield from _backward(plan, name, readers)


def _forward(plan: Plan, name: str, readers: tuple[Read, ...]) -> Iterator[Charge]:
    write = plan.wiring.producers.get(name)
    source = None if write is None else plan.produced(write)
    first = readers[0].operator
    if plan.wiring.is_shared(name):
        shared = plan.shared_layout(name)
        if source is not None:
            here = [read.operator for read in readers if read.operator.unit == first.unit]
            kept = _comes_in(write, first.unit) and not all(op.variants for op in here)
            cause = Cause(first.unit, first.name, name, "F", kept)
            yield from _move(plan, cause, source, shared)
        source = shared
    if source is None:
        return  # a model input arrives as its only reader wants it
    for read in readers:
        reader = read.operator
        is_direct = not plan.wiring.is_shared(name)
        kept = is_direct and _comes_in(write, reader.unit) and not reader.variants
        cause = Cause(reader.unit, reader.name, name, "F", kept)
        yield from _move(plan, cause, source, plan.read_layout(read))


def _comes_in(write: Write | None, unit: str) -> bool:
    """The tensor is made outside of the unit, so a recomputed unit keeps it as it arrives."""
    return write is not None and write.operator.unit != unit


def _backward(plan: Plan, name: str, readers: tuple[Read, ...]) -> Iterator[Charge]:
    write = plan.wiring.producers.get(name)
    if write is None:
        return
    wanted = whole_sums(plan.produced(write))
    is_shared = plan.wiring.is_shared(name)
    target = plan.shared_gradient(name) if is_shared else wanted
    for read in readers:
        if read.has_gradient:
            cause = Cause(read.operator.unit, read.operator.name, name, "B")
            yield from _move(plan, cause, plan.read_gradient(read), target)
    if is_shared and any(read.has_gradient for read in readers):
        first = readers[0].operator
        yield from _move(plan, Cause(first.unit, first.name, name, "B"), target, wanted)


def parameter_charges(plan: Plan, name: str, used: Layout) -> Iterator[Charge]:
    """Redistribution of a parameter read several times, between its used layout and each reader;
    sums that the used layout repeats stay partial (they are reduced by the storage rules)."""
    readers = plan.wiring.readers[name]
    if len(readers) == 1:
        return
    for read in readers:
        operator = read.operator
        cause = Cause(operator.unit, operator.name, name, "F")
        yield from _move(plan, cause, used, plan.read_layout(read))
        if read.has_gradient:
            made = plan.read_gradient(read)
            cause = Cause(operator.unit, operator.name, name, "W")
            yield from _move(plan, cause, made, keep_sums(made, used))


def keep_sums(made: Layout, used: Layout) -> Layout:
    """The used layout, but partial where the gradient is and the used layout cuts nothing."""
    return tuple(old if old < 0 and new < 0 else new for old, new in zip(made, used, strict=True))


def _move(plan: Plan, cause: Cause, before: Layout, after: Layout) -> Iterator[Charge]:
    tensor = plan.spec.graph.tensors[cause.tensor or ""]
    for step in redistribute(tensor, before, after, plan.frame):
        yield communicate(plan, cause, step.collective, step.parts, step.bytes)
