"""Arithmetic of products, tables, norms and of what works element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from solver.execution.ranks.piece import Kept, Kernel, Made, Piece

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-5


def _product(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    operands = [(inputs[at], piece.indices(at)) for at in (0, 1)]
    return Made(piece.einsum(operands, piece.result_indices))


def _product_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    other = 1 - operand
    operands = [(dy, piece.result_indices), (kept.input(other), piece.indices(other))]
    return piece.einsum(operands, piece.indices(operand))


def _linear(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    made = _product(piece, inputs).result
    bias = piece.only_once(inputs[2], _summed(piece))
    return Made(made + _aligned(bias, piece.indices(2), piece.result_indices))


def _linear_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    if operand < 2:
        return _product_gradient(piece, operand, kept, dy)
    made = piece.einsum([(dy, piece.result_indices)], piece.indices(2))
    return piece.only_once(made, _summed(piece))


def _summed(piece: Piece) -> list[str]:
    return [name for name in piece.sharding.sizes if name not in piece.result_indices]


def _aligned(tensor: Tensor, names: Sequence[str], result: Sequence[str]) -> Tensor:
    """With a dimension of one element for every index that it lacks."""
    order = [names.index(name) for name in result if name in names]
    sizes = iter(tensor.permute(order).shape)
    shape = [next(sizes) if name in names else 1 for name in result]
    return tensor.permute(order).reshape(shape)


def _embed(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    tokens, table = inputs
    place, hit = _found(piece, tokens, piece.indices(1)[0])
    return Made(table[place] * hit.unsqueeze(-1).to(table.dtype))


def _embed_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    names = piece.indices(operand)
    place, hit = _found(piece, kept.input(0), names[0])
    rows = (dy * hit.unsqueeze(-1).to(dy.dtype)).reshape(-1, dy.shape[-1])
    return dy.new_zeros(piece.shape(names)).index_add(0, place.reshape(-1), rows)


def _found(piece: Piece, numbers: Tensor, index: str) -> tuple[Tensor, Tensor]:
    """Where numbers stand among the rows of this rank, and whether they do."""
    import torch

    rows = piece.rows(index)
    wanted = numbers.to(torch.int64)
    place = torch.searchsorted(rows, wanted).clamp(max=rows.shape[0] - 1)
    return place, rows[place] == wanted


def _positions(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    x, table = inputs
    return Made(x + table[piece.rows(piece.indices(0)[1])])


def _positions_gradient(piece: Piece, operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    if operand == 0:
        return dy
    rows = piece.rows(piece.indices(0)[1])
    return dy.new_zeros(piece.shape(piece.indices(1))).index_add(0, rows, dy.sum(0))


def _rms_norm(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    x, scale = inputs
    wide = piece.wide(x)
    inverse = _inverse(wide)
    return Made((wide * inverse[..., None]).to(x.dtype) * scale, (inverse,))


def _inverse(wide: Tensor) -> Tensor:
    return (wide * wide).mean(-1).add(EPSILON).rsqrt()


def _rms_norm_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    wide = piece.wide(kept.input(0))
    inverse = kept.extra[0] if kept.extra else _inverse(wide)  # which does not wait for W
    normed = wide * inverse[..., None]
    if operand == 1:
        return (piece.wide(dy) * normed).flatten(0, -2).sum(0).to(dy.dtype)
    inner = piece.wide(dy) * piece.wide(kept.input(1))
    mean = (inner * normed).mean(-1, keepdim=True)
    return ((inner - normed * mean) * inverse[..., None]).to(dy.dtype)


def _layer_norm(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    x, scale, bias = inputs
    wide = piece.wide(x)
    mean = wide.mean(-1)
    apart = wide - mean[..., None]
    inverse = _inverse(apart)
    return Made((apart * inverse[..., None]).to(x.dtype) * scale + bias, (mean, inverse))


def _layer_norm_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    if operand == 2:
        return dy.flatten(0, -2).sum(0)
    wide = piece.wide(kept.input(0))
    mean = kept.extra[0] if kept.extra else wide.mean(-1)
    apart = wide - mean[..., None]
    inverse = kept.extra[1] if kept.extra else _inverse(apart)
    normed = apart * inverse[..., None]
    if operand == 1:
        return (piece.wide(dy) * normed).flatten(0, -2).sum(0).to(dy.dtype)
    inner = piece.wide(dy) * piece.wide(kept.input(1))
    centred = inner - inner.mean(-1, keepdim=True)
    mean_product = (inner * normed).mean(-1, keepdim=True)
    return ((centred - normed * mean_product) * inverse[..., None]).to(dy.dtype)


def _add(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    return Made(inputs[0] + _aligned(inputs[1], piece.indices(1), piece.result_indices))


def _add_gradient(piece: Piece, operand: int, _kept: Kept, dy: Tensor) -> Tensor:
    return dy if operand == 0 else piece.einsum([(dy, piece.result_indices)], piece.indices(1))


def _scale(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    return Made(inputs[0] * _aligned(inputs[1], piece.indices(1), piece.result_indices))


def _scale_gradient(piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    if operand == 0:
        return dy * _aligned(kept.input(1), piece.indices(1), piece.result_indices)
    return piece.einsum([(dy * kept.input(0), piece.result_indices)], piece.indices(1))


def _silu_mul(_piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    gate, up = inputs
    return Made(gate * gate.sigmoid() * up)


def _silu_mul_gradient(_piece: Piece, operand: int, kept: Kept, dy: Tensor) -> Tensor:
    gate = kept.input(0)
    share = gate.sigmoid()
    if operand == 1:
        return dy * gate * share
    return dy * kept.input(1) * share * (1 + gate * (1 - share))


def _gelu(_piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    import torch

    return Made(torch.nn.functional.gelu(inputs[0]))


def _gelu_gradient(_piece: Piece, _operand: int, kept: Kept, dy: Tensor) -> Tensor:
    import torch

    made: Tensor = torch.ops.aten.gelu_backward(dy, kept.input(0))
    return made


def _relu(_piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    return Made(inputs[0].relu())


def _relu_gradient(_piece: Piece, _operand: int, kept: Kept, dy: Tensor) -> Tensor:
    return dy * (kept.made() > 0).to(dy.dtype)


def _softmax(piece: Piece, inputs: tuple[Tensor, ...]) -> Made:
    return Made(piece.wide(inputs[0]).softmax(-1).to(inputs[0].dtype))


def _softmax_gradient(_piece: Piece, _operand: int, kept: Kept, dy: Tensor) -> Tensor:
    made = kept.made()
    return made * (dy - (dy * made).sum(-1, keepdim=True))


KERNELS = {
    "matmul": Kernel(_product, _product_gradient),
    "linear": Kernel(_linear, _linear_gradient),
    "embed": Kernel(_embed, _embed_gradient),
    "position_add": Kernel(_positions, _positions_gradient),
    "rms_norm": Kernel(_rms_norm, _rms_norm_gradient),
    "layer_norm": Kernel(_layer_norm, _layer_norm_gradient),
    "add": Kernel(_add, _add_gradient),
    "bias_add": Kernel(_add, _add_gradient),
    "scale": Kernel(_scale, _scale_gradient),
    "multiply": Kernel(_scale, _scale_gradient),
    "silu_mul": Kernel(_silu_mul, _silu_mul_gradient),
    "gelu": Kernel(_gelu, _gelu_gradient),
    "relu": Kernel(_relu, _relu_gradient),
    "softmax": Kernel(_softmax, _softmax_gradient),
}
"""By the name of the kind in `stdlib/operators.mmp`."""
