"""Layouts: what each sharding sub-axis does to a tensor (`solver/README.md`, section 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsl.spec import Index, Operator, SubAxis, Tensor, Use
from solver.verify.decisions import Cuts

NONE = -1
"""The sub-axis repeats the tensor."""
PARTIAL = -2
"""Each device along the sub-axis holds a summand."""

Layout = tuple[int, ...]
"""Per sharding sub-axis, in mesh order: the number of the dimension it cuts, NONE or PARTIAL."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The sharding sub-axes in mesh order, and the number of micro-batches."""

    parts: tuple[SubAxis, ...]
    microbatches: int

    def size(self, index: Index) -> int:
        """The size of an index in a micro-batch."""
        return index.size // self.microbatches if index.batch else index.size


@dataclass(frozen=True, slots=True)
class Sharding:
    """How one operator is cut: for each sharding sub-axis the indices it cuts (the chosen one and
    those tied to it, or none), and the local size of every index."""

    cut: tuple[tuple[str, ...], ...]
    sizes: Mapping[str, float]

    def parts_of(self, index: str, frame: Frame) -> tuple[SubAxis, ...]:
        """The sub-axes that cut an index."""
        return tuple(p for p, names in zip(frame.parts, self.cut, strict=True) if index in names)


def product(parts: Iterable[SubAxis]) -> int:
    """The product of the sizes of sub-axes."""
    return math.prod(part.size for part in parts)


def shard(operator: Operator, cuts: Cuts, frame: Frame) -> Sharding:
    """The sharding that cuts give an operator (legal or not: sizes are real quotients)."""
    chosen = {part: index for index, parts in cuts for part in parts}
    cut = tuple(_with_ties(operator, chosen.get(part.name)) for part in frame.parts)
    sizes: dict[str, float] = {}
    for index in operator.indices:
        pairs = zip(frame.parts, cut, strict=True)
        degree = product(part for part, names in pairs if index.name in names)
        sizes[index.name] = frame.size(index) / degree
    return Sharding(cut, sizes)


def _with_ties(operator: Operator, index: str | None) -> tuple[str, ...]:
    if index is None:
        return ()
    return (index, *(tied for tied, drivers in operator.ties if index in drivers))


def dimension_layout(tensor: Tensor, cuts: Cuts, frame: Frame) -> Layout:
    """The layout that cuts of named dimensions give a tensor (NONE elsewhere)."""
    names = [dim.name for dim in tensor.dims]
    chosen = {part: names.index(dim) for dim, parts in cuts if dim in names for part in parts}
    return tuple(chosen.get(part.name, NONE) for part in frame.parts)


def as_read(use: Use, sharding: Sharding) -> Layout:
    """The layout in which an operator reads a tensor."""
    return tuple(_position(use, names) for names in sharding.cut)


def as_produced(operator: Operator, use: Use, sharding: Sharding) -> Layout:
    """The layout in which an operator leaves a result: partial sums where a cut is summed away."""
    return tuple(
        PARTIAL if at == NONE and any(name in operator.sums for name in names) else at
        for at, names in zip(as_read(use, sharding), sharding.cut, strict=True)
    )


def gradient_made(use: Use, sharding: Sharding) -> Layout:
    """The layout of the gradient that a reader makes for an input."""
    return tuple(
        PARTIAL if at == NONE and names else at
        for at, names in zip(as_read(use, sharding), sharding.cut, strict=True)
    )


def whole_sums(layout: Layout) -> Layout:
    """The layout with PARTIAL replaced by NONE: what holds the full values."""
    return tuple(NONE if at == PARTIAL else at for at in layout)


def cut_alike(one: Layout, other: Layout) -> bool:
    """The same sub-axes cut the same dimensions."""
    return whole_sums(one) == whole_sums(other)


def ways(layout: Layout, frame: Frame) -> int:
    """Into how many pieces a layout cuts a tensor."""
    return product(part for part, at in zip(frame.parts, layout, strict=True) if at >= 0)


def local_bytes(tensor: Tensor, layout: Layout, frame: Frame) -> float:
    """Bytes of a tensor on a device, per micro-batch."""
    if tensor.opaque_bytes is not None:
        return tensor.opaque_bytes
    elements = math.prod(frame.size(dim) for dim in tensor.dims)
    return elements / ways(layout, frame) * tensor.element_bytes


def _position(use: Use, cut: tuple[str, ...]) -> int:
    return next((at for at, name in enumerate(use.indices) if name in cut), NONE)
