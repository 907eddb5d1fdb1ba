"""How parameters are stored: as pins say, everything where it is used without one."""

from __future__ import annotations

from dsl.spec import Spec, StoredOver
from solver.verify.decisions import Cuts, ParameterChoice
from solver.verify.layouts import NONE, Frame, Layout, Sharding, as_read
from solver.verify.wiring import Wiring

LEVELS = {"optimizer": 1, "gradients": 2, "parameters": 3}


def stored(
    spec: Spec, wiring: Wiring, shardings: dict[str, Sharding], frame: Frame
) -> dict[str, ParameterChoice]:
    """The used layout and the level per mesh axis of every parameter. One that several operators
    read is used as the first reads it."""
    wanted: dict[str, dict[str, int]] = {}
    for pin in spec.pins:
        if pin.kind == "forbid":
            continue
        for wish in pin.requirements:
            if isinstance(wish, StoredOver):
                asked = wanted.setdefault(wish.parameter, {})
                for part in wish.parts:
                    asked[part] = max(asked.get(part, 0), LEVELS[wish.what])
    found = {}
    for name in wiring.parameters:
        first = wiring.readers[name][0]
        layout = as_read(first.use, shardings[first.operator.name])
        pairs = zip(frame.parts, layout, strict=True)
        free = {part.name: part.axis for part, at in pairs if at == NONE}
        levels: dict[str, int] = {}
        for part, level in wanted.get(name, {}).items():
            if part in free:
                levels[free[part]] = max(levels.get(free[part], 0), level)
        used = _used(wiring, name, layout, frame)
        found[name] = ParameterChoice(used, tuple(sorted(levels.items())))
    return found


def _used(wiring: Wiring, name: str, layout: Layout, frame: Frame) -> Cuts:
    dims = wiring.graph.tensors[name].dims
    pairs = list(zip(frame.parts, layout, strict=True))
    return tuple(
        (dim.name, parts)
        for at, dim in enumerate(dims)
        if (parts := tuple(part.name for part, place in pairs if place == at))
    )
