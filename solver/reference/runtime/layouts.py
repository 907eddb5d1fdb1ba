"""From one layout of a tensor to another: the plan's steps, each one collective.

A local tensor is seen with its digits apart: a dimension cut by two axes of sizes 2 and 4, and 3
elements below that, is 2 x 4 x 3, with 1 in place of every axis that cuts it now. Then each step
moves whole dimensions and cuts nothing across.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from solver.reference.runtime.program import (
    WHOLE,
    Dim,
    Layout,
    Move,
    local_shape,
    moves,
)
from solver.reference.runtime.wires import Wires


def relayout(
    x: torch.Tensor, dims: Sequence[Dim], before: Layout, after: Layout, wires: Wires
) -> torch.Tensor:
    """The local tensor in another layout. Not differentiable; see `Relayout`."""
    if before == after:
        return x
    now = list(before)
    digits = x.reshape(_digit_shape(dims, now, wires.sizes))
    for move in moves(before, after):
        digits = _run(digits, dims, move, wires)
        for axis, new in zip(move.axes, move.after, strict=True):
            now[axis] = new
    return digits.reshape(local_shape(dims, tuple(now), wires.sizes))


class Relayout(torch.autograd.Function):
    """`relayout`, whose backward brings the gradient from one layout to another in the same way."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, wires: Wires, *ways: Any) -> torch.Tensor:
        """`ways`: dims, before, after, and the layouts of the gradient from and to."""
        dims, before, after, *back = ways
        ctx.wires, ctx.dims, ctx.back = wires, dims, tuple(back)
        if before == after:
            return x.view_as(x)
        return relayout(x, dims, before, after, wires)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """The gradient of the reader, as its source wants it."""
        before, after = ctx.back
        moved = relayout(gradients[0], ctx.dims, before, after, ctx.wires)
        return (moved, None, None, None, None, None, None)


def move_tensor(
    x: torch.Tensor,
    dims: Sequence[Dim],
    ways: tuple[Layout, Layout],
    back: tuple[Layout, Layout] | None,
    wires: Wires,
) -> torch.Tensor:
    """The tensor in layout `ways[1]`; gradients come in `back[0]` and leave in `back[1]`."""
    if back is None:
        return relayout(x.detach(), dims, ways[0], ways[1], wires)
    if ways[0] == ways[1] and back[0] == back[1]:
        return x
    moved: torch.Tensor = Relayout.apply(x, wires, tuple(dims), *ways, *back)
    return moved


def own_numbers(dim: Dim, number_of: Layout, wires: Wires, device: torch.device) -> torch.Tensor:
    """Which elements of a dimension this device has, ascending. In `number_of` 0 stands for the
    axes that cut it."""
    whole = (WHOLE,) * len(wires.sizes)
    return relayout(torch.arange(dim.size, device=device), (dim,), whole, number_of, wires)


def groups(*layouts: tuple[Layout, Layout]) -> list[tuple[int, ...]]:
    """The sets of axes that redistributions between these pairs communicate over."""
    quiet = ("mask", "widen", "slice")
    return [m.axes for pair in layouts for m in moves(*pair) if m.way not in quiet]


def _digit_shape(dims: Sequence[Dim], now: Sequence[int], sizes: Sequence[int]) -> list[int]:
    shape: list[int] = []
    for number, dim in enumerate(dims):
        shape += [1 if now[axis] == number else sizes[axis] for axis in dim.cut_by]
        shape.append(dim.size // math.prod(sizes[axis] for axis in dim.cut_by))
    return shape


def _at(dims: Sequence[Dim], number: int, axis: int) -> int:
    """The place of an axis' digit of a dimension in the digit shape."""
    before = sum(len(dim.cut_by) + 1 for dim in dims[:number])
    return before + dims[number].cut_by.index(axis)


def _run(x: torch.Tensor, dims: Sequence[Dim], move: Move, wires: Wires) -> torch.Tensor:
    """One step, on a tensor with its digits apart."""
    old = [_at(dims, n, a) if n >= 0 else -1 for a, n in zip(move.axes, move.before, strict=True)]
    new = [_at(dims, n, a) if n >= 0 else -1 for a, n in zip(move.axes, move.after, strict=True)]
    match move.way:
        case "mask":
            for axis in move.axes:
                x = wires.mask(x, axis)
            return x
        case "widen":
            for axis, at in zip(move.axes, old, strict=True):
                x = wires.place(x, at, axis)
            return x
        case "slice":
            for axis, at in zip(move.axes, new, strict=True):
                x = wires.take(x, at, axis)
            return x
        case "all_reduce":
            return wires.all_reduce(x, move.axes)
        case "reduce_scatter":
            return _keep_ones(wires.reduce_scatter(_in_front(x, new), move.axes), new)
        case "all_to_all":
            pieces = wires.all_to_all(_in_front(x, new), move.axes)
            return _from_front(_keep_ones(pieces, [at + 1 for at in new]), old, move, wires)
        case "all_gather":
            return _from_front(wires.all_gather(x, move.axes), old, move, wires)


def _in_front(x: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """The digits at these places as one dimension in front; they are gone where they were."""
    x = x.movedim(tuple(places), tuple(range(len(places))))
    return x.flatten(0, len(places) - 1)


def _keep_ones(x: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """Digits of size 1 where digits were taken away."""
    for at in sorted(places):
        x = x.unsqueeze(at)
    return x


def _from_front(x: torch.Tensor, places: Sequence[int], move: Move, wires: Wires) -> torch.Tensor:
    """The dimension in front as digits, in place of those of size 1 at these places."""
    sizes = [wires.sizes[axis] for axis in move.axes]
    x = x.reshape(*sizes, *x.shape[1:])
    for at in sorted(places, reverse=True):
        x = x.squeeze(at + len(sizes))
    return x.movedim(tuple(range(len(sizes))), tuple(places))
