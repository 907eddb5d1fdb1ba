"""The shared layout of every tensor that several operators read: the one that moves least.

With all operators cut, each tensor's layout concerns no other, so the best one is found by looking
at each: the way from the producer, to every reader, and back for the gradients. Of layouts that
cost the same the one that holds fewer bytes counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from dsl.spec import Device, Tensor
from solver.verify.collectives import seconds
from solver.verify.decisions import TensorChoice
from solver.verify.layouts import (
    NONE,
    PARTIAL,
    Frame,
    Layout,
    Sharding,
    as_produced,
    as_read,
    gradient_made,
    local_bytes,
    product,
    whole_sums,
)
from solver.verify.redistribution import redistribute
from solver.verify.wiring import Wiring


@dataclass(frozen=True, slots=True)
class _Ways:
    """All that a layout's cost depends on; layers that are alike have equal ones."""

    sizes: tuple[tuple[int, bool], ...]
    element_bytes: float
    opaque_bytes: float | None
    source: Layout | None
    read: tuple[Layout, ...]
    made: tuple[Layout, ...]


def shared_layouts(
    wiring: Wiring, shardings: dict[str, Sharding], frame: Frame, device: Device
) -> dict[str, TensorChoice]:
    """The layout of every shared tensor, cheapest on this device."""
    known: dict[_Ways, Layout] = {}
    found = {}
    for name in wiring.shared:
        tensor = wiring.graph.tensors[name]
        ways = _ways(name, wiring, shardings)
        if ways not in known:
            known[ways] = min(
                _candidates(tensor, ways, frame),
                key=lambda gradient: _cost(tensor, ways, gradient, frame, device),
            )
        found[name] = _choice(tensor, known[ways], frame)
    return found


def _ways(name: str, wiring: Wiring, shardings: dict[str, Sharding]) -> _Ways:
    tensor, reads = wiring.graph.tensors[name], wiring.readers[name]
    write = wiring.producers.get(name)
    source = None
    if write is not None:
        source = as_produced(write.operator, write.use, shardings[write.operator.name])
    made: tuple[Layout, ...] = ()
    if source is not None and tensor.needs_gradient:
        made = tuple(
            gradient_made(r.use, shardings[r.operator.name]) for r in reads if r.has_gradient
        )
    return _Ways(
        tuple((dim.size, dim.batch) for dim in tensor.dims),
        tensor.element_bytes,
        tensor.opaque_bytes,
        source,
        tuple(as_read(r.use, shardings[r.operator.name]) for r in reads),
        made,
    )


def _cost(
    tensor: Tensor, ways: _Ways, gradient: Layout, frame: Frame, device: Device
) -> tuple[float, float]:
    """Seconds of all redistributions through a layout, then the bytes that it holds."""
    layout = whole_sums(gradient)
    moves = [(layout, target) for target in ways.read]
    if ways.source is not None:
        moves.append((ways.source, layout))
        if ways.made:
            moves += [(one, gradient) for one in ways.made]
            moves.append((gradient, whole_sums(ways.source)))
    spent = sum(_seconds(tensor, one, other, frame, device) for one, other in moves)
    return spent, local_bytes(tensor, layout, frame)


def _seconds(tensor: Tensor, one: Layout, other: Layout, frame: Frame, device: Device) -> float:
    steps = redistribute(tensor, one, other, frame)
    return sum(seconds(step.collective, step.bytes, step.parts, device) for step in steps)


def _candidates(tensor: Tensor, ways: _Ways, frame: Frame) -> Iterator[Layout]:
    """Layouts of states that occur at the producer or a reader, or none; sub-axes that everybody
    treats alike change together."""
    seen, made = [*([] if ways.source is None else [ways.source]), *ways.read], ways.made
    alike: dict[tuple[object, ...], list[int]] = {}
    for a, part in enumerate(frame.parts):
        states = tuple(layout[a] for layout in (*seen, *made))
        alike.setdefault((part.axis, states), []).append(a)
    groups = list(alike.values())
    options = []
    for members in groups:
        possible = {layout[members[0]] for layout in seen} - {PARTIAL} | {NONE}
        if made:
            possible.add(PARTIAL)
        options.append(sorted(possible, reverse=True))
    for chosen in itertools.product(*options):
        layout = [NONE] * len(frame.parts)
        for members, state in zip(groups, chosen, strict=True):
            for a in members:
                layout[a] = state
        if _divides(tensor, tuple(layout), frame):
            yield tuple(layout)


def _divides(tensor: Tensor, layout: Layout, frame: Frame) -> bool:
    return all(
        frame.size(dim)
        % product(p for p, place in zip(frame.parts, layout, strict=True) if place == at)
        == 0
        for at, dim in enumerate(tensor.dims)
    )


def _choice(tensor: Tensor, layout: Layout, frame: Frame) -> TensorChoice:
    pairs = list(zip(frame.parts, layout, strict=True))
    cuts = tuple(
        (dim.name, parts)
        for at, dim in enumerate(tensor.dims)
        if (parts := tuple(part.name for part, place in pairs if place == at))
    )
    return TensorChoice(cuts, tuple(part.name for part, place in pairs if place == PARTIAL))
