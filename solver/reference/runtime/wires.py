"""Process groups of a mesh, and the collectives over any set of its axes.

This is the only place that knows which device it is on. Collectives over several axes are one
call over one group, whose members are in mesh order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed._functional_collectives as collectives

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


class Wires:
    """The collectives of one device; `sizes` are those of the axes that cut operators."""

    def __init__(
        self, names: Sequence[str] = (), sizes: Sequence[int] = (), mesh: DeviceMesh | None = None
    ) -> None:
        self.names = tuple(names)
        self.sizes = tuple(sizes)
        self._mesh = mesh
        self._groups: dict[tuple[int, ...], Any] = {}

    def join(self, sets: Iterable[tuple[int, ...]]) -> None:
        """Make the groups of these sets of axes. All devices must ask for the same, in one order,
        before any of them communicates."""
        if self._mesh is None:
            return
        for axes in sorted(set(sets)):
            names = tuple(self.names[axis] for axis in axes)
            if len(names) == 1:
                self._groups[axes] = self._mesh.get_group(names[0])
            elif names:
                self._groups[axes] = self._mesh[names]._flatten("x".join(names)).get_group()

    def coordinate(self, axis: int) -> int:
        """Where this device is along an axis."""
        if self._mesh is None:
            return 0
        return self._mesh.get_local_rank(self.names[axis])

    def take(self, x: torch.Tensor, at: int, axis: int) -> torch.Tensor:
        """Of dimension `at`, as long as the axis, this device's own element (kept as 1)."""
        return x.narrow(at, self.coordinate(axis), 1)

    def place(self, x: torch.Tensor, at: int, axis: int) -> torch.Tensor:
        """Dimension `at`, of size 1, as long as the axis: zeros but at this device's place."""
        return x * self._own(x, at, axis)

    def mask(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        """The tensor on the first device along an axis, zeros on the others."""
        first = torch.zeros(self.sizes[axis], dtype=x.dtype, device=x.device)
        first[0] = 1
        return x * self.take(first, 0, axis).reshape(())

    def all_reduce(self, x: torch.Tensor, axes: tuple[int, ...], how: str = "sum") -> torch.Tensor:
        """The sum (`max`: the largest) over the axes."""
        return _wait(collectives.all_reduce(x.contiguous(), how, self._groups[axes]))

    def reduce_scatter(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        """Of the sums of dimension 0, as long as the axes together, this device's own."""
        group = self._groups[axes]
        return _wait(collectives.reduce_scatter_single(x.contiguous(), "sum", 0, group))[0]

    def all_to_all(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        """Element i of dimension 0 goes to device i, and element j comes from device j."""
        group = self._groups[axes]
        return _wait(collectives.all_to_all_single(x.contiguous(), None, None, group))

    def all_gather(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        """The tensors of all devices along the axes, in a new dimension 0."""
        group = self._groups[axes]
        whole = x.contiguous().unsqueeze(0)
        return _wait(collectives.all_gather_single(whole, 0, group))

    def _own(self, x: torch.Tensor, at: int, axis: int) -> torch.Tensor:
        size = self.sizes[axis]
        row = self.take(torch.eye(size, dtype=x.dtype, device=x.device), 0, axis)
        return row.reshape([size if number == at else 1 for number in range(x.dim())])


def _wait(x: torch.Tensor) -> torch.Tensor:
    waited: torch.Tensor = collectives.wait_tensor(x)
    return waited
