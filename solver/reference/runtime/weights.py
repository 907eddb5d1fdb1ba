"""Parameters as a plan stores them: whole or in pieces, and so their gradients and optimizer state
(Rajbhandari et al. 2020, ZeRO).

The layouts of a parameter refine each other: used, stored, gradient, optimizer. `value` is what
lies on the device between uses, in the layout `stored`. Autograd knows a stand-in for it, `handle`,
which has the shape and number type of the gradient and takes no room; what optimizers update is
`piece()`.
"""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import nn

from solver.reference.runtime.layouts import relayout
from solver.reference.runtime.program import PARTIAL, WHOLE, Layout, Weight, local_shape
from solver.reference.runtime.wires import Wires

DEVIATION = 0.02


def first_value(spec: Weight, dtype: torch.dtype) -> torch.Tensor:
    """The whole parameter before training: the same on every device, whatever the mesh. Normal,
    with deviation 0.02; vectors, which scale or shift, around 1."""
    random = torch.Generator().manual_seed(zlib.crc32(spec.name.encode()))
    shape = tuple(dim.size for dim in spec.dims)
    x = torch.randn(shape, generator=random, dtype=torch.float32) * DEVIATION
    return (x + 1 if len(shape) == 1 else x).to(dtype)


class _Use(torch.autograd.Function):
    """The parameter in the layout in which operators use it. Its backward adds to the gradient of
    the micro-batches what one of them gives."""

    @staticmethod
    def forward(ctx: Any, _handle: torch.Tensor, stored: StoredWeight) -> torch.Tensor:
        ctx.stored = stored
        return stored.gathered().detach()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        stored: StoredWeight = ctx.stored
        return stored.scattered(gradients[0]), None


class StoredWeight(nn.Module):
    """A parameter on a device. `handle.grad` is the sum over micro-batches in the layout
    `gradient`, a summand over `summed` axes that do not cut it."""

    def __init__(self, spec: Weight, wires: Wires) -> None:
        super().__init__()
        self.spec = spec
        self.wires = wires
        self.handle = nn.Parameter(torch.empty(0), requires_grad=spec.trained)
        self.register_buffer("value", torch.empty(0), persistent=False)
        self.held: torch.Tensor | None = None

    def materialize(
        self, device: torch.device, dtype: torch.dtype, summed_as: torch.dtype | None = None
    ) -> None:
        """Make the piece of this device, with the first values; gradients are `summed_as`."""
        whole = first_value(self.spec, dtype).to(device)
        self.value = self._move(whole, self._whole, self.spec.stored).clone()
        self._make_handle(summed_as or dtype)

    def allocate(
        self, device: torch.device, dtype: torch.dtype, summed_as: torch.dtype | None = None
    ) -> None:
        """Make the piece of this device, without values."""
        shape = local_shape(self.spec.dims, self.spec.stored, self.wires.sizes)
        self.value = torch.empty(shape, device=device, dtype=dtype)
        self._make_handle(summed_as or dtype)

    def forward(self) -> torch.Tensor:
        """The parameter as operators use it."""
        if not self.spec.trained:
            return self.gathered()
        used: torch.Tensor = _Use.apply(self.handle, self)
        return used

    def gathered(self) -> torch.Tensor:
        """The parameter in the layout `used`, without autograd."""
        if self.held is not None:
            return self.held
        return self._move(self.value, self.spec.stored, self.spec.used)

    def scattered(self, gradient: torch.Tensor) -> torch.Tensor:
        """What a micro-batch adds to the gradient, of a gradient in the layout `used`."""
        gradient = gradient.to(self.handle.dtype)
        return self._move(gradient, self._summands(self.spec.used), self._kept)

    def reduced(self) -> torch.Tensor | None:
        """The gradient of the step in the layout `optimizer`, summed over all devices."""
        if self.handle.grad is None:
            return None
        return self._move(self.handle.grad, self._kept, self.spec.optimizer)

    def piece(self) -> torch.Tensor:
        """This device's piece of the parameter in the layout `optimizer`."""
        return self._move(self.value, self.spec.stored, self.spec.optimizer)

    def put(self, piece: torch.Tensor) -> None:
        """Take an updated piece, and gather what is stored from all of them."""
        rounded = piece.detach().to(self.value.dtype)
        self.value.copy_(self._move(rounded, self.spec.optimizer, self.spec.stored))

    def whole(self) -> torch.Tensor:
        """The whole parameter, gathered from all devices."""
        return self._move(self.value, self.spec.stored, self._whole)

    @property
    def _whole(self) -> Layout:
        return (WHOLE,) * len(self.wires.sizes)

    @property
    def _kept(self) -> Layout:
        """The layout of the sum over micro-batches."""
        return self._summands(self.spec.gradient)

    def _summands(self, layout: Layout) -> Layout:
        """A layout in which the axes that gradients are summed over hold summands, if they cut
        nothing."""
        return tuple(
            PARTIAL if axis in self.spec.summed and at == WHOLE else at
            for axis, at in enumerate(layout)
        )

    def _make_handle(self, dtype: torch.dtype) -> None:
        shape = local_shape(self.spec.dims, self.spec.gradient, self.wires.sizes)
        one = torch.zeros((), device=self.value.device, dtype=dtype)
        self.handle = nn.Parameter(one.expand(shape), requires_grad=self.spec.trained)

    def _move(self, x: torch.Tensor, before: Layout, after: Layout) -> torch.Tensor:
        with torch.no_grad():
            return relayout(x, self.spec.dims, before, after, self.wires)
