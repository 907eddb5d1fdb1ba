"""The standard library's operator kinds as PyTorch functions of local tensors.

Each takes what its device has of the operands, cut as the operator is, and gives what the device
has of the result: a part of it, or a summand where an index is cut that the result lacks. Names of
indices decide which dimensions meet. Nothing here communicates but `cross_entropy`.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as functions

from solver.reference.runtime.call import Call
from solver.reference.runtime.experts import combine, dispatch
from solver.reference.runtime.loss import CrossEntropy


def run(call: Call) -> tuple[torch.Tensor, ...]:
    """The local results of an operator."""
    if call.operator.kind == "measured":
        return _measured(call)
    return (KINDS[call.operator.kind](call),)


def _matmul(call: Call) -> torch.Tensor:
    letters = dict(zip(call.operator.indices, string.ascii_letters, strict=False))
    words = ["".join(letters[name] for name in call.names(operand)) for operand in (0, 1)]
    result = "".join(letters[name] for name in call.result)
    return torch.einsum(f"{','.join(words)}->{result}", call.inputs[0], call.inputs[1])


def _linear(call: Call) -> torch.Tensor:
    return _matmul(call) + call.once(call.spread(2, call.result))


def _attention(call: Call, is_causal: bool = True) -> torch.Tensor:
    """Queries [b, s, heads.., k], keys [b, t, some heads.., k], values [b, t, some heads.., c]."""
    names, heads = call.names(0), call.names(0)[2:-1]
    sample, place = names[0], names[1]
    query = call.spread(0, (sample, *heads, place, names[-1]))
    shape = query.shape
    sides = []
    for operand in (1, 2):
        own = call.names(operand)
        side = call.spread(operand, (own[0], *heads, own[1], own[-1]))
        side = side.expand(*shape[:-2], *side.shape[-2:])
        sides.append(side.reshape(shape[0], -1, *side.shape[-2:]))
    query = query.reshape(shape[0], -1, *shape[-2:])
    mask = None
    if is_causal and call.is_cut(place):
        keys = torch.arange(sides[0].shape[-2], device=query.device)
        mask = call.numbers(place)[:, None] >= keys[None, :]
    key, value = sides
    out = functions.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=is_causal and mask is None
    )
    out = out.reshape(*shape[:-1], out.shape[-1])
    order = (sample, *heads, place, call.result[-1])
    return out.permute([order.index(name) for name in call.result]).contiguous()


def _full_attention(call: Call) -> torch.Tensor:
    return _attention(call, is_causal=False)


def _rope(call: Call) -> torch.Tensor:
    """Pairs (i, i + k/2) of [b, s, .., k] turn by s / 10000^(2i/k)."""
    x, names = call.inputs[0], call.names(0)
    half = x.shape[-1] // 2
    rates = torch.arange(half, dtype=torch.float64, device=x.device)
    rates = torch.exp(rates * (-2.0 / x.shape[-1] * 9.210340371976184))  # ln 10000
    angles = call.numbers(names[1]).to(torch.float64)[:, None] * rates
    shape = [1, len(angles), *[1] * (x.dim() - 3), half]
    cosine, sine = (part.to(x.dtype).reshape(shape) for part in (angles.cos(), angles.sin()))
    one, other = x[..., :half], x[..., half : 2 * half]
    turned = (one * cosine - other * sine, other * cosine + one * sine)
    return torch.cat((*turned, x[..., 2 * half :]), -1)


def _join_key(call: Call) -> torch.Tensor:
    content = call.inputs[0]
    names = call.names(0)
    position = call.spread(1, (*names[:-1], call.names(1)[-1]))
    return torch.cat((content, position.expand(*content.shape[:-1], -1)), -1)


def _embed(call: Call) -> torch.Tensor:
    tokens, table = call.inputs
    vocabulary = call.names(1)[0]
    if not call.is_cut(vocabulary):
        return functions.embedding(tokens, table)
    own = call.numbers(vocabulary)
    at = torch.searchsorted(own, tokens.contiguous()).clamp(max=len(own) - 1)
    rows = functions.embedding(at, table)
    return rows * (own[at] == tokens).unsqueeze(-1).to(rows.dtype)


def _position_add(call: Call) -> torch.Tensor:
    return call.inputs[0] + call.inputs[1][call.numbers(call.names(0)[1])]


def _rms_norm(call: Call) -> torch.Tensor:
    x, scale = call.inputs
    return functions.rms_norm(x, x.shape[-1:], scale, 1e-6)


def _layer_norm(call: Call) -> torch.Tensor:
    x, scale, bias = call.inputs
    return functions.layer_norm(x, x.shape[-1:], scale, bias)


def _add(call: Call) -> torch.Tensor:
    return call.inputs[0] + call.spread(1, call.names(0))


def _multiply(call: Call) -> torch.Tensor:
    return call.inputs[0] * call.spread(1, call.names(0))


def _silu_mul(call: Call) -> torch.Tensor:
    return functions.silu(call.inputs[0]) * call.spread(1, call.names(0))


def _gelu(call: Call) -> torch.Tensor:
    return functions.gelu(call.inputs[0])


def _relu(call: Call) -> torch.Tensor:
    return functions.relu(call.inputs[0])


def _softmax(call: Call) -> torch.Tensor:
    return call.inputs[0].softmax(-1)


def _top_k(call: Call) -> torch.Tensor:
    """Softmax scores, kept for the best `k` of each row."""
    scores = call.inputs[0].softmax(-1)
    best = scores.topk(int(call.operator.options["k"]), -1).indices
    return scores * torch.zeros_like(scores).scatter(-1, best, 1.0)


def _dispatch(call: Call) -> torch.Tensor:
    x, gate = call.spread(0, call.names(0)), call.spread(1, call.names(1))
    return dispatch(x, gate, call.operator, call.wires)


def _combine(call: Call) -> torch.Tensor:
    return combine(call.inputs[0], call.inputs[1], call.operator, call.wires)


def _concat(call: Call) -> torch.Tensor:
    return torch.cat(call.inputs, -2)


def _prepend(call: Call) -> torch.Tensor:
    x, token = call.inputs
    return torch.cat((token.expand(*x.shape[:-2], 1, -1), x), -2)


def _slice(call: Call) -> torch.Tensor:
    """The last elements, as many as the result has: what follows a class token, or images."""
    return call.inputs[0][..., -call.operator.indices[call.result[-2]].size :, :]


def _cross_entropy(call: Call) -> torch.Tensor:
    logits, target = call.inputs
    vocabulary = call.names(0)[-1]
    axes = tuple(axis for axis, names in enumerate(call.operator.cuts) if vocabulary in names)
    numbers = call.numbers(vocabulary)
    return CrossEntropy.apply(logits, target, numbers, axes, call.wires)  # type: ignore[no-any-return]


def _measured(call: Call) -> tuple[torch.Tensor, ...]:
    """What stands in for an operator of which only times are known: the sum of its operands goes
    through a small dense layer."""
    *operands, weight = call.inputs
    x = sum((_row(operand, weight) for operand in operands), weight.new_zeros(()))
    y = x + torch.tanh(x @ weight)
    return tuple(y * (number + 1) for number in range(len(call.operator.writes)))


def _row(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """[rows, hidden] of an operand that may lack the hidden dimension."""
    x = x.to(weight.dtype)
    return x.unsqueeze(-1).expand(-1, weight.shape[0]) if x.dim() == 1 else x


KINDS: Mapping[str, Callable[[Call], torch.Tensor]] = {
    "matmul": _matmul,
    "linear": _linear,
    "attention": _attention,
    "full_attention": _full_attention,
    "rope": _rope,
    "join_key": _join_key,
    "embed": _embed,
    "position_add": _position_add,
    "rms_norm": _rms_norm,
    "layer_norm": _layer_norm,
    "add": _add,
    "bias_add": _add,
    "scale": _multiply,
    "multiply": _multiply,
    "silu_mul": _silu_mul,
    "gelu": _gelu,
    "relu": _relu,
    "softmax": _softmax,
    "top_k": _top_k,
    "dispatch": _dispatch,
    "combine": _combine,
    "concat": _concat,
    "prepend": _prepend,
    "slice": _slice,
    "cross_entropy": _cross_entropy,
}
"""The kinds of `stdlib/operators.mmp`."""
