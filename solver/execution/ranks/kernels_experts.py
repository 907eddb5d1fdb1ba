"""Arithmetic of routed experts. Tokens are dealt to experts in turn, weighted by their scores: all
experts get their fair share of every piece of the tokens, so no capacity is ever too small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.execution.ranks.piece import Kept, Kernel, Made, Piece

if TYPE_CHECKING:
    from torch import Tensor


def _top_k(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    """Sigmoid scores (DeepSeek-V3), whose slope is known from the gate alone, which is all the kind
    keeps."""
    (logits,) = inputs
    scores = piece.wide(logits).sigmoid()
    return Made((scores * _chosen(piece, scores)).to(logits.dtype))


def _top_k_gradient(_piece: Piece, _operand: int, kept: Kept, dy: Tensor) -> Tensor:
    gate = kept.made()
    return dy * gate * (1 - gate)


def _chosen(piece: Piece, scores: Tensor) -> Tensor:
    """One expert for each token, by its number."""
    import torch

    names = piece.indices(0)
    number = torch.zeros(1, dtype=torch.int64)
    for name in names[:-1]:
        number = number[..., None] * piece.whole(name) + piece.rows(name)
    number = number[0]
    experts = torch.arange(scores.shape[-1])
    return (experts == (number % scores.shape[-1])[..., None]).to(scores.dtype)


def _dispatch(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    x, gate = inputs
    rows = _rows(piece, gate, piece.result_indices)
    tokens = x.reshape(-1, x.shape[-1])
    made = _with_blank(tokens)[rows.long()]
    return Made(made, (rows,))


def _dispatch_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    shape = piece.shape(piece.indices(operand))
    if operand == 1:
        return dy.new_zeros(shape)  # choosing has no slope
    (rows,) = kept.extra
    count = shape[0] * shape[1]
    flat = dy.reshape(-1, dy.shape[-1])
    summed = dy.new_zeros(count + 1, shape[-1]).index_add(0, rows.reshape(-1).long(), flat)
    return summed[:count].reshape(shape).clone()


def _combine(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    z, gate = inputs
    rows = _rows(piece, gate, piece.indices(0))
    weights = _weights(gate, rows)
    count, width = gate.shape[0] * gate.shape[1], z.shape[-1]
    flat = (z * weights[..., None]).reshape(-1, width)
    summed = z.new_zeros(count + 1, width).index_add(0, rows.reshape(-1).long(), flat)
    return Made(summed[:count].reshape(*gate.shape[:2], width).clone(), (rows,))


def _combine_gradient(_piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    (rows,) = kept.extra
    z, gate = kept.input(0), kept.input(1)
    back = _with_blank(dy.reshape(-1, dy.shape[-1]))[rows.long()]
    if operand == 0:
        return back * _weights(gate, rows)[..., None]
    slopes = (back * z).sum(-1)
    count = gate.shape[0] * gate.shape[1]
    made = gate.new_zeros(gate.shape[-1], count + 1).scatter_add(1, rows.long(), slopes)
    return made[:, :count].T.reshape(gate.shape).contiguous()


def _rows(piece: Piece, gate: Tensor, slots: tuple[str, ...]) -> Tensor:
    """For every expert and place in it the number of its token; one past the last where none."""
    import torch

    capacity = piece.shape(slots[1:2])[0]
    used = (gate != 0).reshape(-1, gate.shape[-1]).T
    count = used.shape[1]
    order = torch.where(used, torch.arange(count), count).sort(-1).values
    filled = torch.nn.functional.pad(order, (0, max(0, capacity - count)), value=count)
    return filled[:, :capacity].to(torch.int32)


def _weights(gate: Tensor, rows: Tensor) -> Tensor:
    flat = gate.reshape(-1, gate.shape[-1]).T
    return _with_blank(flat.T).T.gather(1, rows.long())


def _with_blank(rows: Tensor) -> Tensor:
    import torch

    return torch.cat((rows, rows.new_zeros(1, rows.shape[-1])))


KERNELS = {
    "top_k": Kernel(_top_k, _top_k_gradient),
    "dispatch": Kernel(_dispatch, _dispatch_gradient),
    "combine": Kernel(_combine, _combine_gradient),
}
"""By the name of the kind in `stdlib/operators.mmp`."""
