"""What a unit keeps for its backward, per micro-batch (section 7)."""

from __future__ import annotations

from collections.abc import Iterator

from dsl.spec import Operator, Unit
from solver.verify.figures import Saved
from solver.verify.layouts import Layout, cut_alike, local_bytes
from solver.verify.plan import Plan
from solver.verify.wiring import Read, Write

NOTHING = Saved(0.0, 0.0)


def kept(plan: Plan, unit: Unit) -> Saved:
    """What the unit keeps as planned: everything it saves, or only its inputs if recomputed."""
    return kept_inputs(plan, unit) if plan.recomputed[unit.name] else saved(plan, unit)


def saved(plan: Plan, unit: Unit) -> Saved:
    """What the unit saves when it is not recomputed."""
    total = rebuilt(plan, unit)
    for operator in plan.operators_of(unit):
        variant = plan.variant(operator)
        if variant is not None:
            early = variant.released_by_input_grad
            total += Saved(early, variant.saved_bytes - early)
    return total


def rebuilt(plan: Plan, unit: Unit) -> Saved:
    """What running the unit's forward again brings back: all it saves but measured operators'."""
    total = NOTHING
    for operator in plan.operators_of(unit):
        if plan.variant(operator) is None:
            for item in _saved_by(plan, operator):
                total += item
    for name in first_read_in(plan, unit):
        total += _saved_shared(plan, name)
    return total


def _saved_by(plan: Plan, operator: Operator) -> Iterator[Saved]:
    """Rules 1, 3 and 4: results, inputs that nobody upstream holds, and extra bytes."""
    for use in operator.results:
        if use.saved:
            yield Saved(_bytes(plan, use.tensor, plan.produced(Write(operator, use))), 0.0)
    inputs = (Read(operator, operand) for operand in range(len(operator.inputs)))
    for read in inputs:
        if read.use.saved and not _is_held_upstream(plan, read):
            yield _freed_after([read], plan, _bytes(plan, read.use.tensor, plan.read_layout(read)))
    sizes = plan.shardings[operator.name].sizes
    yield Saved(operator.saved_extra.evaluate(sizes), 0.0)


def _is_held_upstream(plan: Plan, read: Read) -> bool:
    """True for a parameter, and where the source is kept anyway and is cut in the same way."""
    name = read.use.tensor
    if plan.spec.graph.tensors[name].role == "parameter":
        return True
    if plan.wiring.is_shared(name):
        return cut_alike(plan.shared_layout(name), plan.read_layout(read))
    write = plan.wiring.producers.get(name)
    if write is None or not write.use.saved:
        return False
    return cut_alike(plan.produced(write), plan.read_layout(read))


def _saved_shared(plan: Plan, name: str) -> Saved:
    """Rule 2: a shared tensor that a reader saves, unless its producer keeps it cut alike."""
    savers = [read for read in plan.wiring.readers[name] if read.use.saved]
    if not savers:
        return NOTHING
    layout = plan.shared_layout(name)
    write = plan.wiring.producers.get(name)
    if write is not None and write.use.saved and cut_alike(plan.produced(write), layout):
        return NOTHING
    return _freed_after(savers, plan, _bytes(plan, name, layout))


def kept_inputs(plan: Plan, unit: Unit) -> Saved:
    """What a recomputed unit keeps: its inputs, until B."""
    total = 0.0
    made = {use.tensor for operator in plan.operators_of(unit) for use in operator.results}
    seen: dict[str, Read] = {}
    for operator in plan.operators_of(unit):
        variant = plan.variant(operator)
        if variant is not None:
            total += variant.recompute_saved_bytes
            continue
        for operand, use in enumerate(operator.inputs):
            is_parameter = plan.spec.graph.tensors[use.tensor].role == "parameter"
            if use.tensor not in made and not is_parameter:
                seen.setdefault(use.tensor, Read(operator, operand))
    for name, read in seen.items():
        if not plan.wiring.is_shared(name):
            total += _bytes(plan, name, plan.read_layout(read))
        elif plan.wiring.readers[name][0].operator.unit == unit.name:
            total += _bytes(plan, name, plan.shared_layout(name))
    return Saved(total, 0.0)


def first_read_in(plan: Plan, unit: Unit) -> tuple[str, ...]:
    """The shared tensors whose first reader is in the unit, in the order they are read."""
    names: dict[str, None] = {}
    for operator in plan.operators_of(unit):
        for use in operator.inputs:
            if plan.wiring.is_shared(use.tensor):
                names.setdefault(use.tensor)
    return tuple(name for name in names if plan.wiring.readers[name][0].operator.unit == unit.name)


def _freed_after(readers: list[Read], plan: Plan, size: float) -> Saved:
    """Bytes kept until W where a reader needs them for a parameter's gradient, else until B."""
    tensors = plan.spec.graph.tensors
    is_late = any(
        tensors[read.operator.inputs[gradient.operand].tensor].role == "parameter"
        for read in readers
        for gradient in read.operator.gradients
    )
    return Saved(0.0, size) if is_late else Saved(size, 0.0)


def _bytes(plan: Plan, name: str, layout: Layout) -> float:
    return local_bytes(plan.spec.graph.tensors[name], layout, plan.frame)
