"""A plan as values: the operators of a model, and where each of them runs on a mesh.

A *layout* says for every mesh axis what it does to a tensor: the number of the dimension that it
cuts, WHOLE (every device along the axis has the same) or PARTIAL (each has a summand).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

WHOLE = -1
PARTIAL = -2

Layout = tuple[int, ...]
"""Per axis of `Program.axes`: a dimension, WHOLE or PARTIAL."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A mesh axis. Those of the pipeline number the stages; all others cut operators."""

    name: str
    size: int
    pipeline: bool = False


@dataclass(frozen=True, slots=True)
class Dim:
    """A dimension of a tensor: `size` elements of a micro-batch over all devices. The number of an
    element is read as digits, one for each axis in `cut_by`, the first one the most significant;
    an axis that cuts the dimension leaves a device the elements with its own digit. So any of the
    axes can be gathered alone, and what is whole is in order."""

    name: str
    size: int
    cut_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """An activation or an input (`is_number`: whole numbers, such as tokens)."""

    name: str
    dims: tuple[Dim, ...]
    is_input: bool = False
    is_number: bool = False
    below: int = 0  # the numbers of an input are 0 .. below - 1


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter. `used` is its layout where operators compute; it is stored in the layout
    `stored`, its gradient in `gradient`, the state of its optimizer in `optimizer`, each cut at
    least as finely as the one before. `summed` are axes over which gradients are summands."""

    name: str
    dims: tuple[Dim, ...]
    used: Layout
    stored: Layout
    gradient: Layout
    optimizer: Layout
    summed: tuple[int, ...]
    trained: bool = True


@dataclass(frozen=True, slots=True)
class Port:
    """A tensor as an operator reads or writes it: its own names of the dimensions, the layout, and
    the layout of the gradient that a reader makes (None: none), or that a producer needs."""

    tensor: str
    indices: tuple[str, ...]
    layout: Layout
    gradient: Layout | None


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator. `cuts` are the indices that each axis cuts (several where they are tied), and
    `indices` the whole size of each index and the axes of its digits. `options` are numbers that
    its kind asks for. `groups` are (axis, index) pairs: tokens with another digit of the axis in
    the index are in another group of a mixture of experts."""

    name: str
    kind: str
    reads: tuple[Port, ...]
    writes: tuple[Port, ...]
    indices: Mapping[str, Dim]
    cuts: tuple[tuple[str, ...], ...]
    options: Mapping[str, float]
    groups: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """The layout that a tensor with several readers is brought to once, and that of the gradients
    that readers give back to it."""

    tensor: str
    layout: Layout
    gradient: Layout


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer: its operators in order, and whether its forward runs again before its backward."""

    name: str
    operators: tuple[str, ...]
    recompute: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Layers that stand together in the pipeline, the stage they are on, and the tensors that come
    from the chunk before and go to the one after."""

    stage: int
    units: tuple[str, ...]
    receives: tuple[str, ...]
    sends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Everything a run needs to know. `mesh` has all axes from the outermost, `schedule` a row of
    actions per stage (`0F3`: chunk 0, forward, micro-batch 3; I input gradient, W weight gradient,
    B both); `outputs` are the tensors whose mean is minimised."""

    mesh: tuple[Axis, ...]
    microbatches: int
    values: Mapping[str, Value]
    weights: Mapping[str, Weight]
    operators: Mapping[str, Operator]
    shared: Mapping[str, Shared]
    units: Mapping[str, Unit]
    chunks: tuple[Chunk, ...]
    schedule: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that cut operators, in mesh order: those that layouts speak of."""
        return tuple(axis for axis in self.mesh if not axis.pipeline)

    @property
    def stages(self) -> int:
        """How many pipeline stages there are."""
        return math.prod(axis.size for axis in self.mesh if axis.pipeline)


def with_indices(program: Program) -> Program:
    """The program with the `indices` of every operator: dimensions of what it writes and reads."""
    dims = {value.name: value.dims for value in program.values.values()}
    dims |= {weight.name: weight.dims for weight in program.weights.values()}

    def named(operator: Operator) -> Operator:
        found: dict[str, Dim] = {}
        for port in (*operator.writes, *operator.reads):
            for name, dim in zip(port.indices, dims[port.tensor], strict=True):
                found.setdefault(name, replace(dim, name=name))
        return replace(operator, indices=found)

    return replace(program, operators={n: named(o) for n, o in program.operators.items()})


def local_shape(dims: Iterable[Dim], layout: Layout, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Elements of each dimension on a device. `sizes` are those of the axes."""
    return tuple(
        dim.size // math.prod(size for size, at in zip(sizes, layout, strict=True) if at == number)
        for number, dim in enumerate(dims)
    )


def cutting(layout: Layout) -> tuple[int, ...]:
    """The axes that cut some dimension."""
    return tuple(axis for axis, at in enumerate(layout) if at >= 0)


def partial(layout: Layout) -> tuple[int, ...]:
    """The axes along which devices hold summands."""
    return tuple(axis for axis, at in enumerate(layout) if at == PARTIAL)


def whole_sums(layout: Layout) -> Layout:
    """The layout of what the summands add up to."""
    return tuple(WHOLE if at == PARTIAL else at for at in layout)


Way = Literal["mask", "widen", "slice", "reduce_scatter", "all_reduce", "all_to_all", "all_gather"]


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a redistribution: its axes, each with the dimension that it cut before and the
    one that it cuts after (WHOLE or PARTIAL where it is none)."""

    way: Way
    axes: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


_ORDER: tuple[Way, ...] = (
    "mask",
    "widen",
    "slice",
    "reduce_scatter",
    "all_reduce",
    "all_to_all",
    "all_gather",
)


def moves(before: Layout, after: Layout) -> tuple[Move, ...]:
    """What brings a tensor from one layout to another: one step per way, over all its axes."""
    found: dict[Way, list[int]] = {}
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            found.setdefault(_way(old, new), []).append(axis)
    return tuple(
        Move(way, axes, tuple(before[a] for a in axes), tuple(after[a] for a in axes))
        for way in _ORDER
        if (axes := tuple(found.get(way, ())))
    )


def _way(old: int, new: int) -> Way:
    if new == PARTIAL:
        return "mask" if old == WHOLE else "widen"
    if old == WHOLE:
        return "slice"
    if old == PARTIAL:
        return "all_reduce" if new == WHOLE else "reduce_scatter"
    return "all_gather" if new == WHOLE else "all_to_all"
