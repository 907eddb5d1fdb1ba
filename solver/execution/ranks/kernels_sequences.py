"""Arithmetic of attention, rotations, sequences of several kinds, experts and the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.execution.ranks.piece import Kept, Kernel, Made, Piece

if TYPE_CHECKING:
    from torch import Tensor

_BASE = 10000.0


class _Attention:
    """Softmax attention in one kernel: kept are operands, result and the log of the sums."""

    def __init__(self, causal: bool) -> None:
        self.causal = causal

    def forward(self, piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
        _, _, value = inputs
        scores, names = self._scores(piece, inputs[0], inputs[1])
        log = scores.logsumexp(-1)
        weights = (scores - log[..., None]).exp().to(value.dtype)
        made = piece.einsum([(weights, names), (value, piece.indices(2))], piece.result_indices)
        return Made(made, (log,))

    def gradient(self, piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
        query, key, value = (kept.input(at) for at in range(3))
        scores, names = self._scores(piece, query, key)
        weights = (scores - kept.extra[0][..., None]).exp()
        result, rows = piece.result_indices, names[:-1]
        if operand == 2:
            return piece.einsum([(weights.to(dy.dtype), names), (dy, result)], piece.indices(2))
        towards = piece.wide(piece.einsum([(dy, result), (value, piece.indices(2))], names))
        inner = piece.wide(piece.einsum([(dy * kept.made(), result)], rows))
        change = (weights * (towards - inner[..., None]) * self._factor(piece)).to(dy.dtype)
        other = 1 - operand
        operands = [(change, names), (kept.input(other), piece.indices(other))]
        return piece.einsum(operands, piece.indices(operand))

    def _factor(self, piece: Piece) -> float:
        return float(piece.sharding.sizes[piece.indices(0)[-1]] ** -0.5)

    def _scores(self, piece: Piece, query: Tensor, key: Tensor) -> tuple[Tensor, tuple[str, ...]]:
        """`[b, heads.., s, t]`, those of later keys left out where it is causal."""
        batch, row, *heads, _ = piece.indices(0)
        column = piece.indices(1)[1]
        names = (batch, *heads, row, column)
        operands = [(query, piece.indices(0)), (key, piece.indices(1))]
        scores = piece.wide(piece.einsum(operands, names)) * self._factor(piece)
        if self.causal:
            seen = piece.rows(row)[:, None] >= piece.rows(column)[None, :]
            scores = scores.masked_fill(~seen, float("-inf"))
        return scores, names


def _rotate(piece: Piece, x: Tensor, way: float) -> Tensor:
    import torch

    names = piece.indices(0)
    half = x.shape[-1] // 2
    rates = _BASE ** (-torch.arange(half, dtype=piece.wide_type) / max(half, 1))
    angles = piece.rows(names[1]).to(piece.wide_type)[:, None] * rates * way
    shape = [1, angles.shape[0], *([1] * (len(names) - 3)), half]
    cos, sin = angles.cos().reshape(shape).to(x.dtype), angles.sin().reshape(shape).to(x.dtype)
    low, high = x[..., :half], x[..., half:]
    return torch.cat((low * cos - high * sin, high * cos + low * sin), -1)


def _rope(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    return Made(_rotate(piece, inputs[0], 1.0))


def _rope_gradient(piece: Piece, _operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    return _rotate(piece, dy, -1.0)


def _join_key(_piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    import torch

    content, position = inputs
    shared = position[(slice(None), slice(None), *([None] * (content.dim() - position.dim())))]
    return Made(torch.cat((content, shared.expand(*content.shape[:-1], -1)), -1))


def _join_key_gradient(piece: Piece, operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    width = piece.shape(piece.indices(0)[-1:])[0]
    if operand == 0:
        return dy[..., :width].contiguous()
    heads = tuple(range(len(piece.indices(1)) - 1, dy.dim() - 1))
    return dy[..., width:].sum(heads) if heads else dy[..., width:].contiguous()


def _concat(_piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    import torch

    return Made(torch.cat(inputs, -2))


def _concat_gradient(piece: Piece, operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    first = piece.shape(piece.indices(0))[-2]
    return (dy[..., :first, :] if operand == 0 else dy[..., first:, :]).contiguous()


def _prepend(_piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    import torch

    x, token = inputs
    return Made(torch.cat((token.expand(*x.shape[:-2], 1, -1), x), -2))


def _prepend_gradient(_piece: Piece, operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    if operand == 0:
        return dy[..., 1:, :].contiguous()
    return dy[..., 0, :].flatten(0, -2).sum(0)


def _slice(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    first = piece.shape(piece.result_indices)[-2]
    return Made(inputs[0][..., :first, :].contiguous())


def _slice_gradient(piece: Piece, _operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    import torch

    *outer, rows, width = piece.shape(piece.indices(0))
    return torch.cat((dy, dy.new_zeros(*outer, rows - dy.shape[-2], width)), -2)


def _cross_entropy(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    """The greatest logit of a row is agreed on here, the sum of exponentials in the backward: one
    exchange each way, as the kind says. Until then the log of the sum is missing in the loss."""
    logits, target = inputs
    index = piece.indices(0)[-1]
    wide = piece.wide(logits)
    top = piece.across(index, wide.amax(-1), "max", "F")
    powers = (wide - top[..., None]).exp()
    own = wide.gather(-1, _own(piece, target)[0][..., None])[..., 0] * _own(piece, target)[1]
    ranks = _peers(piece, index)
    if ranks == 1:
        total = powers.sum(-1)
        loss = top + total.log() - own
        return Made(loss.to(logits.dtype), (powers / total[..., None],))
    return Made((top / ranks - own).to(logits.dtype), (powers,))


def _cross_entropy_gradient(piece: Piece, _operand: int, kept: Kept, dy: Tensor) -> Tensor:
    (shares,) = kept.extra
    index = piece.indices(0)[-1]
    ranks = _peers(piece, index)
    if ranks > 1:
        total = piece.across(index, shares.sum(-1), "sum", "B")
        shares = shares / total[..., None]
        piece.late[piece.operator.name] = total.log() / ranks
    place, hit = _own(piece, kept.input(1))
    change = shares.scatter_add(-1, place[..., None], -hit[..., None].to(shares.dtype))
    return (change * piece.wide(dy)[..., None]).to(dy.dtype)


def _own(piece: Piece, target: Tensor) -> tuple[Tensor, Tensor]:
    """Where the targets stand among this rank's part of the vocabulary, and whether they do."""
    import torch

    rows = piece.rows(piece.indices(0)[-1])
    wanted = target.to(torch.int64)
    place = torch.searchsorted(rows, wanted).clamp(max=rows.shape[0] - 1)
    return place, rows[place] == wanted


def _peers(piece: Piece, index: str) -> int:
    count = 1
    for part in piece.parts(index):
        count *= part.size
    return count


_CAUSAL, _FULL = _Attention(causal=True), _Attention(causal=False)
KERNELS = {
    "attention": Kernel(_CAUSAL.forward, _CAUSAL.gradient),
    "full_attention": Kernel(_FULL.forward, _FULL.gradient),
    "rope": Kernel(_rope, _rope_gradient),
    "join_key": Kernel(_join_key, _join_key_gradient),
    "concat": Kernel(_concat, _concat_gradient),
    "prepend": Kernel(_prepend, _prepend_gradient),
    "slice": Kernel(_slice, _slice_gradient),
    "cross_entropy": Kernel(_cross_entropy, _cross_entropy_gradient),
}
"""By the name of the kind in `stdlib/operators.mmp`."""
