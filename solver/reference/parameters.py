"""How parameters of a program are stored (`solver/README.md`, section 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dsl.spec import SubAxis, Tensor
from solver.reference.lowering import Lowering
from solver.reference.runtime.program import WHOLE, Layout, Weight
from solver.reference.sizes import Key
from solver.verify.storage import hold


def weight(lowering: Lowering, name: str) -> Weight:
    """A parameter with its layouts."""
    held = hold(lowering.plan, name)
    tensor = lowering.plan.spec.graph.tensors[name]
    used = lowering.layout(held.used)
    home, over = _home(lowering, tensor, _axes(lowering, held.optimizer))
    dims = tuple(
        lowering.dim(
            ("tensor", name, at), dim.name, lowering.sizes.of(dim), over if at == home else ()
        )
        for at, dim in enumerate(tensor.dims)
    )

    def stored(parts: Iterable[SubAxis]) -> Layout:
        finer = _axes(lowering, parts)
        return tuple(home if axis in finer and at == WHOLE else at for axis, at in enumerate(used))

    return Weight(
        name,
        dims,
        used,
        stored(held.weights),
        stored(held.gradients),
        stored(held.optimizer),
        _axes(lowering, held.reduced),
        held.trained,
    )


def _home(
    lowering: Lowering, tensor: Tensor, finest: tuple[int, ...]
) -> tuple[int, tuple[int, ...]]:
    """`home_of`, and the axes that may cut it there; where there is none that is a reason."""
    home = home_of(lowering, tensor, finest)
    if home is not None:
        return home, finest
    ways = lowering.ways(finest)
    message = f"no dimension of `{tensor.name}` can be stored in {ways} equal pieces"
    lowering.reasons.append(("parameters", tensor.name, message))
    return 0, ()


def home_of(lowering: Lowering, tensor: Tensor, finest: tuple[int, ...]) -> int | None:
    """The dimension that a parameter is stored by: the first that divides, in its true size."""
    if not tensor.dims:
        return None if finest else 0
    for at, dim in enumerate(tensor.dims):
        axes = set(lowering.families.cut_by(("tensor", tensor.name, at))) | set(finest)
        if lowering.plan.frame.size(dim) % lowering.ways(tuple(axes)) == 0:
            return at
    return None if finest else 0


def needs(lowering: Lowering) -> dict[Key, int]:
    """What must divide the size of every index: the axes that cut it anywhere, and those that store
    a parameter by it."""
    found: dict[Key, int] = {}
    plan = lowering.plan

    def need(key: Key, axes: tuple[int, ...]) -> None:
        found[key] = math.lcm(found.get(key, 1), lowering.ways(axes))

    for operator in plan.spec.graph.operators:
        for index in operator.indices:
            member = ("operator", operator.name, index.name)
            need(lowering.sizes.key(index), lowering.families.cut_by(member))
    for name in plan.wiring.parameters:
        tensor = plan.spec.graph.tensors[name]
        finest = _axes(lowering, hold(plan, name).optimizer)
        home = home_of(lowering, tensor, finest)
        if home is not None and finest:
            axes = set(lowering.families.cut_by(("tensor", name, home))) | set(finest)
            need(lowering.sizes.key(tensor.dims[home]), tuple(axes))
    return found


def _axes(lowering: Lowering, parts: Iterable[SubAxis]) -> tuple[int, ...]:
    """The axes of the program that are these sub-axes."""
    names = {part.name for part in parts}
    return tuple(axis for axis in range(len(lowering.kept)) if lowering.part(axis) in names)
