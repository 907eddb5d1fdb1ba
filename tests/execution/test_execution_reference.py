"""The reference model of a Llama spec is Llama: against one written out by hand."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import cross_entropy, silu

from solver.reference.runtime.model import ChunkModule
from solver.reference.runtime.training import loss_share, random_batch, undivided
from solver.reference.runtime.weights import first_value
from solver.reference.runtime.wires import Wires
from tests.execution.saved import small
from tests.execution.team import DTYPE

Weights = dict[str, torch.Tensor]


def _norm(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * scale


def _turn(x: torch.Tensor) -> torch.Tensor:
    """[b, h, s, k], pairs (i, i + k/2) as complex numbers."""
    size, count = x.shape[-1], x.shape[-2]
    rates = 10000.0 ** (-torch.arange(0, size, 2, dtype=DTYPE) / size)
    angle = torch.polar(
        torch.ones(count, size // 2, dtype=DTYPE), torch.arange(count)[:, None] * rates
    )
    turned = torch.complex(x[..., : size // 2], x[..., size // 2 :]) * angle
    return torch.cat((turned.real, turned.imag), -1)


def _attention(x: torch.Tensor, w: Weights) -> torch.Tensor:
    q, key, val = (torch.tensordot(x, w[f"{name}.w"], 1) for name in ("q", "key", "val"))
    q = _turn(q.flatten(2, 3).transpose(1, 2))
    repeats = q.shape[1] // key.shape[2]
    key, val = (y.transpose(1, 2).repeat_interleave(repeats, 1) for y in (key, val))
    scores = q @ _turn(key).transpose(-1, -2) / math.sqrt(q.shape[-1])
    hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    o = scores.masked_fill(hidden, -math.inf).softmax(-1) @ val
    return o.transpose(1, 2).flatten(2) @ w["y.w"].flatten(0, 2)


def _llama(tokens: torch.Tensor, layers: int, weights: Weights) -> torch.Tensor:
    def under(name: str) -> Weights:
        return {key[len(name) + 1 :]: x for key, x in weights.items() if key.startswith(f"{name}.")}

    x = weights["net.embed.table"][tokens]
    for number in range(layers):
        w, m = under(f"net.layers[{number}].attn"), under(f"net.layers[{number}].mlp")
        x = x + _attention(_norm(x, w["norm.scale"]), w)
        h = _norm(x, m["norm.scale"])
        x = x + (silu(h @ m["gate.w"]) * (h @ m["up.w"])) @ m["down.w"]
    logits = _norm(x, weights["net.norm.scale"]) @ weights["net.head.w"].T
    return cross_entropy(logits.flatten(0, 1), tokens.flatten())


def test_loss_and_gradients_are_those_of_llama() -> None:
    program = undivided(small("megatron"))
    model = ChunkModule(program.chunks[0], program, Wires(["a", "b"], [2, 2]))
    model.materialize(torch.device("cpu"), DTYPE)
    weights = {
        name: first_value(spec, DTYPE).requires_grad_() for name, spec in program.weights.items()
    }
    batch = random_batch(program, 0, DTYPE)
    wanted = _llama(batch["net.tokens"], 2, weights) / program.microbatches
    found = loss_share(model(**batch), program)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
    found.backward()
    wanted.backward()
    for name, stored in model.weights().items():
        torch.testing.assert_close(stored.handle.grad, weights[name].grad, rtol=1e-9, atol=1e-14)
