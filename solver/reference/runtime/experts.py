"""Tokens to experts and back, in groups (Lepikhin et al. 2020, GShard).

Tokens that a mesh axis keeps apart have room of their own at every expert. So that a run on one
device gives what a run on many does, groups are part of the operator (`Operator.groups`), cut or
not. In each group an expert takes its first tokens, as many as it has rows.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from solver.reference.runtime.program import Dim, Operator
from solver.reference.runtime.wires import Wires


class _Touch(torch.autograd.Function):
    """Rows that were chosen by a gate: no gradient flows to it, but a whole one of zeros."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        ctx.shape, ctx.kind = gate.shape, gate.dtype
        return rows.view_as(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        zeros = gradients[0].new_zeros(ctx.shape, dtype=ctx.kind)
        return gradients[0], zeros


def dispatch(x: torch.Tensor, gate: torch.Tensor, operator: Operator, wires: Wires) -> torch.Tensor:
    """Rows [e, c, d] of tokens [b, s, d] for gates [b, s, e] that are 0 where not chosen."""
    rows_of = _Rows(operator, operator.writes[0].indices[1], gate, wires)
    tokens = rows_of.grouped(x)
    padded = torch.cat((tokens, tokens.new_zeros(len(tokens), 1, tokens.shape[-1])), 1)
    wanted = rows_of.tokens.flatten(1)
    rows = padded.gather(1, wanted.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
    return _Touch.apply(rows_of.ungrouped_rows(rows), gate)  # type: ignore[no-any-return]


def combine(z: torch.Tensor, gate: torch.Tensor, operator: Operator, wires: Wires) -> torch.Tensor:
    """Tokens [b, s, d] from rows [e, c, d], each the sum of its rows times their gates."""
    rows_of = _Rows(operator, operator.reads[0].indices[1], gate, wires)
    rows = rows_of.grouped_rows(z)
    wanted = rows_of.tokens
    gates = rows_of.grouped(gate).transpose(1, 2)
    gates = torch.cat((gates, gates.new_zeros(*gates.shape[:2], 1)), 2).gather(2, wanted)
    weighted = rows * gates.flatten(1).unsqueeze(-1)
    count = rows_of.tokens_in_group
    out = z.new_zeros(len(rows), count + 1, z.shape[-1])
    places = wanted.flatten(1).unsqueeze(-1).expand(-1, -1, z.shape[-1])
    return rows_of.ungrouped(out.scatter_add(1, places, weighted)[:, :count])


class _Rows:
    """Which token is in which row. `tokens` is [group, expert, row of the group], with the number
    of tokens where a row is empty."""

    def __init__(self, operator: Operator, row: str, gate: torch.Tensor, wires: Wires) -> None:
        samples, places = (operator.indices[name] for name in _drivers(operator))
        self._row = operator.indices[row]
        self._sizes = wires.sizes
        self._groups = operator.groups
        self._cut = {
            name: {axis for axis, names in enumerate(operator.cuts) if name in names}
            for name in (*_drivers(operator), row)
        }
        self._row_name = row
        self._dims = (samples, places)
        self._names = _drivers(operator)
        grouped = self.grouped(gate)
        self.tokens_in_group = grouped.shape[1]
        self.tokens = self._assign(grouped > 0)

    def grouped(self, x: torch.Tensor) -> torch.Tensor:
        """[b, s, n] -> [group, token, n]."""
        shape, front = self._token_digits()
        x = x.reshape(*shape, x.shape[-1])
        self._shape = shape
        count = math.prod(shape[at] for at in front)
        return x.movedim(front, tuple(range(len(front)))).reshape(count, -1, x.shape[-1])

    def ungrouped(self, x: torch.Tensor) -> torch.Tensor:
        """[group, token, n] -> [b, s, n]."""
        shape, front = self._token_digits()
        rest = [size for at, size in enumerate(shape) if at not in front]
        x = x.reshape(*[shape[at] for at in front], *rest, x.shape[-1])
        x = x.movedim(tuple(range(len(front))), front)
        count = 1 + len(self._dims[0].cut_by)
        return x.reshape(math.prod(shape[:count]), math.prod(shape[count:]), x.shape[-1])

    def ungrouped_rows(self, rows: torch.Tensor) -> torch.Tensor:
        """[group, expert x row of the group, d] -> [e, c, d]."""
        shape, front = self._row_digits()
        rest = [size for at, size in enumerate(shape) if at not in front]
        experts = self.tokens.shape[1]
        x = rows.reshape(*[shape[at] for at in front], experts, *rest, rows.shape[-1])
        x = x.movedim(len(front), 0)
        x = x.movedim(tuple(range(1, 1 + len(front))), tuple(at + 1 for at in front))
        return x.reshape(experts, math.prod(shape), rows.shape[-1])

    def grouped_rows(self, z: torch.Tensor) -> torch.Tensor:
        """[e, c, d] -> [group, expert x row of the group, d]."""
        shape, front = self._row_digits()
        x = z.reshape(len(z), *shape, z.shape[-1])
        x = x.movedim(tuple(at + 1 for at in front), tuple(range(1, 1 + len(front))))
        x = x.movedim(0, len(front))
        return x.reshape(math.prod(shape[at] for at in front), -1, z.shape[-1])

    def _assign(self, chosen: torch.Tensor) -> torch.Tensor:
        """[group, token, expert] -> `tokens`."""
        groups, count, experts = chosen.shape
        shape, front = self._row_digits()
        room = math.prod(shape) // math.prod(shape[at] for at in front)
        place = chosen.cumsum(1) - 1
        kept = chosen & (place < room)
        place = torch.where(kept, place, room).transpose(1, 2)
        number = torch.arange(count, device=chosen.device).expand(groups, experts, count)
        rows = number.new_full((groups, experts, room + 1), count)
        return rows.scatter(2, place, number)[:, :, :room]

    def _token_digits(self) -> tuple[list[int], tuple[int, ...]]:
        """Digits of b and s, and the places of those that tell groups apart, by axis."""
        shape: list[int] = []
        at: dict[tuple[int, str], int] = {}
        for name, dim in zip(self._names, self._dims, strict=True):
            for axis in dim.cut_by:
                at[axis, name] = len(shape)
                shape.append(1 if axis in self._cut[name] else self._sizes[axis])
            shape.append(_below(dim, self._sizes))
        return shape, tuple(at[group] for group in self._groups)

    def _row_digits(self) -> tuple[list[int], tuple[int, ...]]:
        """Digits of c, and the places of those that tell groups apart, by axis."""
        cut = self._cut[self._row_name]
        axes = self._row.cut_by
        shape = [1 if axis in cut else self._sizes[axis] for axis in axes]
        front = tuple(axes.index(axis) for axis, _ in self._groups)
        return [*shape, _below(self._row, self._sizes)], front


def _drivers(operator: Operator) -> tuple[str, str]:
    """The names of samples and tokens: those of the operand or result [b, s, ..]."""
    port = operator.reads[0] if operator.kind == "dispatch" else operator.writes[0]
    return port.indices[0], port.indices[1]


def _below(dim: Dim, sizes: tuple[int, ...]) -> int:
    return dim.size // math.prod(sizes[axis] for axis in dim.cut_by)
