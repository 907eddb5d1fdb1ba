"""A tensor from one layout to another: the rows of `solver/README.md` section 3, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsl.spec import SubAxis
from solver.execution.ranks.collectives import Line
from solver.execution.ranks.digits import Digits, Node
from solver.verify.layouts import NONE, PARTIAL, Layout

if TYPE_CHECKING:
    from torch import Tensor

Label = tuple[int, int]
"""A digit: the dimension, and its number there."""


@dataclass(slots=True)
class Grid:
    """A tensor with one dimension for every digit of it that the rank holds."""

    tensor: Tensor
    labels: list[Label]

    def lead(self, wanted: Sequence[Label]) -> Tensor:
        """These digits as rows, slowest first; they are no longer in the grid."""
        order = [self.labels.index(label) for label in wanted]
        rest = [at for at in range(len(self.labels)) if at not in order]
        self.labels = [self.labels[at] for at in rest]
        turned = self.tensor.permute(*order, *rest)
        return turned.reshape(-1, *turned.shape[len(order) :]).contiguous()

    def put(self, rows: Tensor, labels: Sequence[Label], radices: Sequence[int]) -> None:
        """Rows that are the digits `labels`."""
        self.tensor = rows.reshape(*radices, *rows.shape[1:])
        self.labels = [*labels, *self.labels]


@dataclass(frozen=True, slots=True)
class Movement:
    """Moves tensors whose dimensions belong to `classes` of digits."""

    line: Line
    digits: Digits
    parts: tuple[SubAxis, ...]

    def move(
        self, classes: Sequence[Node], tensor: Tensor, before: Layout, after: Layout
    ) -> Tensor:
        """The tensor in its new layout; itself where nothing changes."""
        if before == after:
            return tensor
        grid = self._open(classes, tensor, before)
        rows = list(zip(self.parts, before, after, strict=True))
        for part, old, new in rows:
            if new == PARTIAL and old != PARTIAL:
                self._spread(grid, classes, part, old)
        line, machine = self.line, self.line.machine
        slices = [(p, new) for p, old, new in rows if old == NONE and new >= 0]
        self._scatter(grid, classes, slices, machine.pick)
        sums = [(p, new) for p, old, new in rows if old == PARTIAL and new >= 0]
        self._scatter(grid, classes, sums, line.reduce_scatter)
        whole = [p for p, old, new in rows if old == PARTIAL and new == NONE]
        if whole:
            grid.tensor = line.all_reduce(grid.tensor, whole)
        changes = [(p, old, new) for p, old, new in rows if old >= 0 and new >= 0 and old != new]
        if changes:
            parts = [p for p, _, _ in changes]
            sent = grid.lead([self._label(classes, p, new) for p, _, new in changes])
            rows_back = line.all_to_all(sent, parts)
            grid.put(
                rows_back, [self._label(classes, p, old) for p, old, _ in changes], _sizes(parts)
            )
        gathers = [(p, old) for p, old, new in rows if old >= 0 and new == NONE]
        if gathers:
            parts = [p for p, _ in gathers]
            found = line.all_gather(grid.tensor.contiguous(), parts)
            grid.put(found, [self._label(classes, p, old) for p, old in gathers], _sizes(parts))
        return _close(grid, len(classes))

    def first(self, tensor: Tensor, part: SubAxis) -> Tensor:
        """The tensor on the first rank along a sub-axis, zeros on the others."""
        import torch

        mask = self.line.machine.per_rank(
            lambda at: torch.tensor(float(at[part.name] == 0), dtype=tensor.dtype)
        )
        return tensor * mask

    def _scatter(
        self,
        grid: Grid,
        classes: Sequence[Node],
        targets: Sequence[tuple[SubAxis, int]],
        how: Callable[[Tensor, Sequence[SubAxis]], Tensor],
    ) -> None:
        if targets:
            rows = grid.lead([self._label(classes, part, at) for part, at in targets])
            grid.tensor = how(rows, [part for part, _ in targets])

    def _spread(self, grid: Grid, classes: Sequence[Node], part: SubAxis, old: int) -> None:
        """From whole, or a cut dimension, to summands: the other ranks hold zeros."""
        import torch

        if old == NONE:
            grid.tensor = self.first(grid.tensor, part)
            return
        dtype = grid.tensor.dtype
        own = self.line.machine.per_rank(
            lambda at: torch.eye(part.size, dtype=dtype)[at[part.name]].clone()
        )
        wide = own.reshape(part.size, *([1] * grid.tensor.dim())) * grid.tensor
        grid.put(wide, [self._label(classes, part, old)], [part.size])

    def _label(self, classes: Sequence[Node], part: SubAxis, dimension: int) -> Label:
        return dimension, self.digits.places[classes[dimension], part.name]

    def _open(self, classes: Sequence[Node], tensor: Tensor, layout: Layout) -> Grid:
        cut = {
            self._label(classes, part, at)
            for part, at in zip(self.parts, layout, strict=True)
            if at >= 0
        }
        labels: list[Label] = []
        shape: list[int] = []
        for at, root in enumerate(classes):
            for digit, radix in enumerate(self.digits.radices[root]):
                if (at, digit) not in cut:
                    labels.append((at, digit))
                    shape.append(radix)
        return Grid(tensor.reshape(shape), labels)


def _close(grid: Grid, dimensions: int) -> Tensor:
    order = sorted(range(len(grid.labels)), key=lambda at: grid.labels[at])
    turned = grid.tensor.permute(order)
    shape = [1] * dimensions
    for at, count in zip(order, turned.shape, strict=True):
        shape[grid.labels[at][0]] *= count
    return turned.reshape(shape).contiguous()


def _sizes(parts: Sequence[SubAxis]) -> list[int]:
    return [part.size for part in parts]
