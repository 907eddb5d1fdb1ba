"""What all splits of a spec share."""

from __future__ import annotations

from dsl.spec import CutOver, Spec, StoredOver
from solver.sharding.build import Frame
from solver.space.fold import fold, unfolded, wiring
from solver.space.mesh import leaves_out


def named_parts(spec: Spec) -> frozenset[str]:
    """Sub-axes that a pin names apart from the rest of their axis."""
    whole = {axis.name: {p.name for p in axis.parts} for axis in spec.mesh.axes}
    axis_of = {p.name: p.axis for p in spec.mesh.parts}
    named: set[str] = set()
    asked = [
        r.parts
        for pin in spec.pins
        for r in pin.requirements
        if isinstance(r, CutOver | StoredOver)
    ]
    for parts in [*asked, spec.train.pipeline.parts or ()]:
        for part in parts:
            if not whole[axis_of[part]] <= set(parts):
                named.add(part)
    return frozenset(named)


SMALL = 40
"""Up to this many operators nothing is folded: each layer makes its own choices."""


def make_frame(spec: Spec, unfold: bool = False, whole_axes: bool = False) -> Frame:
    """What all splits share: wiring, classes of layers, sub-axes that pins name."""
    wires = wiring(spec.graph)
    alike = fold(spec, wires)
    if len(spec.graph.operators) <= SMALL:
        alike = unfolded(spec)
    classes = unfolded(spec) if unfold else alike
    one_chunk = spec.train.pipeline.chunks == 1
    differ = one_chunk and wires.is_chain and spec.objective[0] != "memory"
    named = named_parts(spec)
    few = leaves_out(spec, named)
    return Frame(spec, wires, classes, alike, named, whole_axes, differ, few)
