"""The words in which an exported plan is written: DTensor's placements, one per mesh axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch.distributed.tensor import Partial, Replicate, Shard
from torch.distributed.tensor.placement_types import Placement

from solver.reference.runtime.program import (
    PARTIAL,
    WHOLE,
    Axis,
    Chunk,
    Dim,
    Layout,
    Operator,
    Port,
    Program,
    Shared,
    Unit,
    Value,
    Weight,
    with_indices,
)

R, P, S = Replicate(), Partial(), Shard
"""The same on every device along an axis; a summand on each; cut in a dimension."""

Placements = Sequence[Placement]


@dataclass(frozen=True, slots=True)
class NamedDim:
    """A dimension with the names of the axes that cut it anywhere."""

    name: str
    size: int
    axes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A result: its dimensions, its layout, and that of the gradient it needs (None: none)."""

    name: str
    dims: tuple[NamedDim, ...]
    layout: Layout
    gradient: Layout | None


@dataclass(frozen=True, slots=True)
class NamedWeight:
    """A parameter, its axes by name."""

    name: str
    dims: tuple[NamedDim, ...]
    layouts: tuple[Layout, Layout, Layout, Layout]
    summed: tuple[str, ...]
    trained: bool


@dataclass(frozen=True, slots=True)
class NamedOperator:
    """An operator, its axes by name."""

    name: str
    kind: str
    cut: Mapping[str, tuple[str, ...]]
    reads: tuple[Port, ...]
    writes: tuple[Written, ...]
    options: Mapping[str, float]
    groups: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A unit of the pipeline with everything that is declared in it."""

    name: str
    recompute: bool
    parts: tuple[NamedOperator | NamedWeight | Shared, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """A model input; `below` is 0 where it holds no row numbers."""

    name: str
    dims: tuple[NamedDim, ...]
    below: int


def dim(name: str, size: int, *axes: str) -> NamedDim:
    """A dimension of `size` elements that `axes` cut somewhere in the plan."""
    return NamedDim(name, size, axes)


def model_input(name: str, *dims: NamedDim, below: int = 0) -> Input:
    """An input of the model; whole numbers less than `below` where that is given."""
    return Input(name, dims, below)


def read(tensor: str, indices: str, placed: Placements, gradient: Placements | None = None) -> Port:
    """An operand: where the operator wants it, and where it leaves its gradient."""
    return Port(tensor, tuple(indices.split()), _layout(placed), _maybe(gradient))


def write(
    tensor: str, dims: Iterable[NamedDim], placed: Placements, gradient: Placements | None = None
) -> Written:
    """A result: where the operator leaves it, and where it wants its gradient."""
    return Written(tensor, tuple(dims), _layout(placed), _maybe(gradient))


def share(tensor: str, placed: Placements, gradient: Placements) -> Shared:
    """Where a tensor with several readers is brought to once, and where gradients meet."""
    return Shared(tensor, _layout(placed), _layout(gradient))


def weight(
    name: str,
    dims: Iterable[NamedDim],
    used: Placements,
    stored: Placements | None = None,
    gradient: Placements | None = None,
    optimizer: Placements | None = None,
    summed: Sequence[str] = (),
    trained: bool = True,
) -> NamedWeight:
    """A parameter: where operators use it, and where it, its gradient and its optimizer state are
    stored (each as the one before it if not given). Gradients are summed over `summed`."""
    layouts = [_layout(used)]
    for placed in (stored, gradient, optimizer):
        layouts.append(layouts[-1] if placed is None else _layout(placed))
    one, two, three, four = layouts
    return NamedWeight(name, tuple(dims), (one, two, three, four), tuple(summed), trained)


def operator(
    name: str,
    kind: str,
    reads: Iterable[Port],
    writes: Iterable[Written],
    cut: Mapping[str, str] | None = None,
    options: Mapping[str, float] | None = None,
    groups: Mapping[str, str] | None = None,
) -> NamedOperator:
    """An operator; `cut` says which index (or indices) each axis cuts."""
    words = {axis: tuple(indices.split()) for axis, indices in (cut or {}).items()}
    pairs = tuple((groups or {}).items())
    return NamedOperator(name, kind, words, tuple(reads), tuple(writes), options or {}, pairs)


def layer(
    name: str, *parts: NamedOperator | NamedWeight | Shared, recompute: bool = False
) -> Layer:
    """A layer, its operators in order."""
    return Layer(name, recompute, parts)


def axis(name: str, size: int, pipeline: bool = False) -> Axis:
    """A mesh axis."""
    return Axis(name, size, pipeline)


def chunk(
    stage: int, layers: Sequence[str], receives: Sequence[str], sends: Sequence[str]
) -> Chunk:
    """Layers that stand together in the pipeline."""
    return Chunk(stage, tuple(layers), tuple(receives), tuple(sends))


def program(
    mesh: Sequence[Axis],
    microbatches: int,
    inputs: Sequence[Input],
    layers: Sequence[Layer],
    chunks: Sequence[Chunk],
    schedule: Path,
    outputs: Sequence[str],
) -> Program:
    """The whole plan."""
    names = [one.name for one in mesh if not one.pipeline]
    parts = [part for one in layers for part in one.parts]
    operators = [part for part in parts if isinstance(part, NamedOperator)]
    values = {
        i.name: Value(i.name, _dims(i.dims, names), True, i.below > 0, i.below) for i in inputs
    }
    values |= {w.name: Value(w.name, _dims(w.dims, names)) for o in operators for w in o.writes}
    weights = {p.name: _weight(p, names) for p in parts if isinstance(p, NamedWeight)}
    units = {
        one.name: Unit(
            one.name,
            tuple(part.name for part in one.parts if isinstance(part, NamedOperator)),
            one.recompute,
        )
        for one in layers
    }
    rows = tuple(tuple(row.split(",")) for row in schedule.read_text().split())
    made = Program(
        mesh=tuple(mesh),
        microbatches=microbatches,
        values=values,
        weights=weights,
        operators={o.name: _operator(o, names) for o in operators},
        shared={part.tensor: part for part in parts if isinstance(part, Shared)},
        units=units,
        chunks=tuple(chunks),
        schedule=rows,
        outputs=tuple(outputs),
    )
    return with_indices(made)


def _operator(named: NamedOperator, axes: Sequence[str]) -> Operator:
    writes = tuple(
        Port(w.name, tuple(d.name for d in w.dims), w.layout, w.gradient) for w in named.writes
    )
    cuts = tuple(named.cut.get(one, ()) for one in axes)
    groups = tuple((axes.index(one), index) for one, index in named.groups)
    return Operator(named.name, named.kind, named.reads, writes, {}, cuts, named.options, groups)


def _weight(named: NamedWeight, axes: Sequence[str]) -> Weight:
    summed = tuple(axes.index(one) for one in named.summed)
    return Weight(named.name, _dims(named.dims, axes), *named.layouts, summed, named.trained)


def _dims(dims: Iterable[NamedDim], axes: Sequence[str]) -> tuple[Dim, ...]:
    return tuple(Dim(d.name, d.size, tuple(axes.index(one) for one in d.axes)) for d in dims)


def _maybe(placed: Placements | None) -> Layout | None:
    return None if placed is None else _layout(placed)


def _layout(placed: Placements) -> Layout:
    return tuple(_number(placement) for placement in placed)


def _number(placement: Placement) -> int:
    if isinstance(placement, Shard):
        return placement.dim
    return PARTIAL if isinstance(placement, Partial) else WHOLE
