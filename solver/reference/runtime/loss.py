"""Cross entropy with the vocabulary in parts (Shoeybi et al. 2019, section 3)."""

from __future__ import annotations

from typing import Any

import torch

from solver.reference.runtime.wires import Wires


class CrossEntropy(torch.autograd.Function):
    """The loss of every row; over axes that cut the vocabulary, a summand of it.

    Devices exchange the largest logit and the sum of exponentials of every row. The one that has
    the target's logit gives the loss, the others give 0. The softmax is kept for the backward.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: torch.Tensor,
        target: torch.Tensor,
        numbers: torch.Tensor,
        axes: tuple[int, ...],
        wires: Wires,
    ) -> torch.Tensor:
        """`numbers` are the rows of the vocabulary that this device has; sums have at least 32
        bits."""
        ctx.kind = logits.dtype
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        high = logits.amax(-1)
        high = wires.all_reduce(high, axes, "max") if axes else high
        weights = (logits - high.unsqueeze(-1)).exp()
        total = weights.sum(-1)
        total = wires.all_reduce(total, axes) if axes else total
        at = torch.searchsorted(numbers, target.contiguous()).clamp(max=len(numbers) - 1)
        own = numbers[at] == target
        ctx.save_for_backward(weights / total.unsqueeze(-1), at, own)
        chosen = logits.gather(-1, at.unsqueeze(-1)).squeeze(-1)
        return torch.where(own, total.log() + high - chosen, torch.zeros_like(chosen))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Softmax less 1 at the target, times the gradient of the row."""
        softmax, at, own = ctx.saved_tensors
        hit = own.unsqueeze(-1).to(softmax.dtype)
        less = torch.zeros_like(softmax).scatter(-1, at.unsqueeze(-1), hit)
        gradient = (softmax - less) * gradients[0].unsqueeze(-1)
        return (gradient.to(ctx.kind), None, None, None, None)
