"""Storage levels that mean something, and the lists a document derives from them (section 9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dsl.spec import SubAxis, Tensor
from solver.verify.claims import StorageClaim
from solver.verify.decisions import Cuts
from solver.verify.layouts import Layout, product
from solver.verify.plan import Plan
from solver.verify.report import Violation, differs
from solver.verify.storage import Holding, free_parts, used_layout

HIGHEST_LEVEL = 3

Placed = tuple[frozenset[str], ...]
"""For each dimension of a parameter the sub-axes that cut it."""


def level_violations(plan: Plan) -> Iterator[Violation]:
    """Levels lie in 0..3, are of mesh axes, and are 0 where no sub-axis is free; a parameter with
    one reader is used as that reader reads it."""
    axes = [axis.name for axis in plan.spec.mesh.axes]
    for name in plan.wiring.parameters:
        choice = plan.decisions.parameters[name]
        used = used_layout(plan, name)
        where = f"parameters.{name}"
        tensor = plan.spec.graph.tensors[name]
        if _placed(tensor, choice.used) != _cut_dimensions(tensor, used, plan):
            message = "this is not how the parameter is cut where it is used"
            yield Violation("parameter-used", message, f"{where}.used")
        free = [part.axis for part in free_parts(plan, used)]
        for axis, level in choice.levels:
            at = f"{where}.levels.{axis}"
            if axis not in axes:
                yield Violation("storage-level", f"the mesh has no axis `{axis}`", at)
            elif not 0 <= level <= HIGHEST_LEVEL:
                yield Violation("storage-level", "a level is 0, 1, 2 or 3", at)
            elif level and axis not in free:
                yield Violation("storage-level", f"no sub-axis of `{axis}` is free", at)


def stored_violations(
    plan: Plan, holdings: Sequence[Holding], claims: Sequence[tuple[str, StorageClaim]]
) -> Iterator[Violation]:
    """The stored lists and bytes per device follow from the used layout and the levels."""
    claimed = dict(claims)
    width = plan.spec.train.precision.parameter_bytes
    for held in holdings:
        claim = claimed[held.name]
        where = f"parameters.{held.name}"
        sections = (
            ("stored", claim.stored, held.weights),
            ("gradients_stored", claim.gradients, held.gradients),
            ("optimizer_stored", claim.optimizer, held.optimizer),
        )
        tensor = plan.spec.graph.tensors[held.name]
        for key, listed, parts in sections:
            wanted = _stored_dimensions(tensor, held.used, parts, plan)
            if _placed(tensor, listed) != wanted:
                message = "this is not what the used layout and the levels give"
                yield Violation("parameter-stored", message, f"{where}.{key}")
        computed = held.weight_elements() * width
        yield from differs(
            "parameter-bytes", f"{where}.bytes_per_device", claim.bytes_per_device, computed
        )


def _placed(tensor: Tensor, cuts: Cuts) -> Placed | None:
    """Listed cuts by dimension; None if they name a dimension that the tensor has not."""
    names = [dim.name for dim in tensor.dims]
    if any(name not in names for name, _ in cuts):
        return None
    listed = dict(cuts)
    return tuple(frozenset(listed.get(name, ())) for name in names)


def _cut_dimensions(tensor: Tensor, layout: Layout, plan: Plan) -> Placed:
    pairs = tuple(zip(plan.frame.parts, layout, strict=True))
    return tuple(
        frozenset(part.name for part, place in pairs if place == at)
        for at in range(len(tensor.dims))
    )


def _stored_dimensions(
    tensor: Tensor, used: Layout, parts: tuple[SubAxis, ...], plan: Plan
) -> Placed:
    """Used cuts, and `parts` together on the first dimension they divide (else the first)."""
    placed = list(_cut_dimensions(tensor, used, plan))
    if not placed:
        return ()
    degree = product(parts)
    pairs = tuple(zip(plan.frame.parts, used, strict=True))
    sizes = (
        plan.frame.size(dim) // product(part for part, place in pairs if place == at)
        for at, dim in enumerate(tensor.dims)
    )
    target = next((at for at, size in enumerate(sizes) if size % degree == 0), 0)
    placed[target] |= frozenset(part.name for part in parts)
    return tuple(placed)
